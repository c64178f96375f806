#include "server/task.h"

#include "minikv/store.h"
#include "server/errors.h"
#include "server/event_loop.h"
#include "server/server_state.h"

namespace minikv::server {

void Task::execute(Transaction& transaction) {
  WatchedKeys& watched = loop_->server().watched_keys;
  if (watched.is_empty()) return perform(transaction);
  TouchingTransaction touching(transaction, watched);
  perform(touching);
}

void Task::done(const Status& status) {
  status_ = status;
  loop_->collect(*this);
}

void Task::run_on_reader(const Store& store) {
  if (stage_ == Stage::kPreparing) return store.load(old_values());
  load();
}

void Task::answer(std::string& out) {
  protocol::ReplyEncoder reply(format_, out);
  if (is_silent_) {
    out += tail_;
    return;
  }
  if (status_) {
    encode(reply);
  } else {
    reply.error(error_from(status_));
  }
  out += tail_;
}

}  // namespace minikv::server
