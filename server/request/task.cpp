#include "server/request/task.h"

#include <new>
#include <utility>

#include "minikv/store.h"
#include "server/net/event_loop.h"
#include "server/net/session.h"
#include "server/request/errors.h"
#include "server/request/state.h"

namespace minikv::server {

void Task::execute(Transaction& transaction) {
  WatchedKeys& watched = loop_->server().watched_keys;
  if (watched.is_empty()) return perform(transaction);
  TouchingTransaction touching(transaction, watched);
  perform(touching);
}

void Task::done(const Status& status) {
  set_status(status);
  loop_->collect(*this);
}

void Task::run_on_reader(const Store& store) {
  try {
    const auto is_gone = [this] { return session_->is_gone(); };
    if (stage_ == Stage::kPreparing) {
      if (!skips_writer_) return store.prepare(*this);
      set_status(look_up(store, is_gone));
      return;
    }
    if (session_->is_gone()) return;  // nobody is there to take it
    part_ = std::make_unique<protocol::ReplyBuffer>();
    protocol::ReplyEncoder reply(format_, *part_);
    progress_ = encode_some(reply, Reading::waiting(is_gone));
  } catch (const std::bad_alloc&) {
    part_.reset();
    status_ = Status(StatusCode::kOutOfMemory, "the system has no memory left for the values");
  }
}

Answered Task::answer(protocol::ReplyBuffer& out) {
  if (is_silent_ && !(status_ && acts_when_answered())) return Answered::kWhole;
  protocol::ReplyBuffer unwanted;
  protocol::ReplyEncoder reply(format_, is_silent_ ? unwanted : out);
  if (status_) return encode_some(reply, Reading::at_once());
  const protocol::ErrorReply error = error_from(std::exchange(status_, Status()));
  if (is_begun_) return refuse_next(reply, error);
  reply.error(error);
  return Answered::kWhole;
}

}  // namespace minikv::server
