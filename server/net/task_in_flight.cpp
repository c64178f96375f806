// What happens to a task away from its session: the writer's and the readers' side, and the pool.
#include "server/net/task_in_flight.h"

#include <cassert>
#include <new>
#include <utility>

#include "minikv/store.h"
#include "server/net/event_loop.h"
#include "server/net/session.h"
#include "server/request/errors.h"
#include "server/request/state.h"

namespace minikv::server {

void TaskInFlight::task_is_done([[maybe_unused]] Task& done) noexcept {
  assert(&done == task.get() && stage == Stage::kWithWriter && session);
  loop.mailbox().collect(*this);
}

void TaskInFlight::run_on_reader(const Store& store) {
  assert((stage == Stage::kPreparing || stage == Stage::kLoading) && session && !part);
  try {
    const auto is_gone = [this] { return session->is_gone(); };
    if (stage == Stage::kPreparing) {
      if (is_write) return store.prepare(*task);
      if (const Status found = task->look_up(store, is_gone); !found) task->refuse(found);
      return;
    }
    if (session->is_gone()) return;  // the reply is of no use
    part = std::make_unique<protocol::ReplyBuffer>();
    protocol::ReplyEncoder reply(format, *part);
    progress = task->encode_some(reply, Reading::waiting(is_gone));
  } catch (const std::bad_alloc&) {
    part.reset();
    const Status why(StatusCode::kOutOfMemory, "the system has no memory left for the values");
    // A task for the writer goes there all the same, and the writer sets its status.
    stage == Stage::kPreparing && !is_write ? task->refuse(why) : task->fail(why);
  }
}

void TaskInFlight::refuse_for_memory(const Status& why) {
  assert(!session && !is_write);
  loop.server().client_memory.count_refusal();
  task->refuse(why);
  stage = Stage::kDone;
}

Status TaskInFlight::too_large() {
  return {StatusCode::kOutOfMemory,
          "it takes more memory than max_client_memory allows for one request; ask for less at a time"};
}

Answered TaskInFlight::answer(protocol::ReplyBuffer& out) {
  assert(stage == Stage::kDone);
  if (is_silent && !(task->status() && task->acts_when_answered())) return Answered::kWhole;
  protocol::ReplyBuffer unwanted;
  protocol::ReplyEncoder reply(format, is_silent ? unwanted : out);
  if (task->status()) return task->encode_some(reply, Reading::at_once());
  const protocol::ErrorReply error = error_from(task->take_status());
  if (is_begun) return task->refuse_next(reply, error);
  reply.error(error);
  return Answered::kWhole;
}

void TaskPool::GiveBack::operator()(TaskInFlight* one) const noexcept {
  one->loop.task_pool().give_back(*one);
}

void TaskPool::give_back(TaskInFlight& one) noexcept {
  assert(!one.session);
  std::destroy_at(&one);
  ::new (&one) TaskInFlight(loop_);
  one.next = std::exchange(first_, &one);
  ++spare_;
}

void TaskPool::free(std::size_t count) noexcept {
  for (; count > 0; --count, --spare_) delete std::exchange(first_, first_->next);
}

}  // namespace minikv::server
