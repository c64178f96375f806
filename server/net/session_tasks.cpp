// The way of a session's tasks: to the writer, to the readers, and to the client.
#include "server/net/session_tasks.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <optional>
#include <utility>

#include "minikv/store.h"
#include "server/net/event_loop.h"
#include "server/net/session.h"

namespace minikv::server {

namespace {

// The memory for old values of this length is not worth counting.
constexpr std::size_t kShortValueBytes = 64 * 1024;

// The memory that a task needs on the writer beyond its arguments: the long values that it changes, before
// and after the change.
std::uint64_t bytes_of_old_values(Task& task, const Store& store) {
  std::uint64_t bytes = 0;
  for (const OldValue& old : task.old_values()) {
    if (old.max_bytes <= kShortValueBytes) continue;
    const std::optional<ValueHandle> handle = store.locate(old.key);
    if (handle && handle->value_bytes() > kShortValueBytes) {
      const auto value = std::min<std::uint64_t>(handle->value_bytes(), old.max_bytes);
      bytes += value + std::max<std::uint64_t>(value + old.more_bytes, old.least_bytes);
    } else {
      bytes += std::max(old.more_bytes, old.least_bytes);
    }
  }
  return bytes;
}

}  // namespace

SessionTasks::SessionTasks(Session& session, EventLoop& loop, MemoryWaits& memory,
                           const protocol::Request& request, protocol::ReplyBuffer& output)
    : session_(session),
      loop_(loop),
      server_(loop.server()),
      memory_(memory),
      request_(request),
      output_(output),
      answers_(session, loop, memory, queue_, output) {}

// ---- to the writer ----

TaskInFlight& SessionTasks::adopt(std::unique_ptr<Task> task) {
  TaskPool::Owner one = loop_.task_pool().take(std::move(task));
  one->task->bind(*one, server_.watched_keys);
  one->format = reply_.format();
  one->is_silent = reply_.is_silent();
  if (server_.slow_log.is_on()) one->summary.assign(request_);
  one->started = loop_.laps().last();
  return queue_.push(std::move(one));
}

void SessionTasks::submit(std::unique_ptr<Task> task) {
  TaskInFlight& adopted = adopt(std::move(task));
  queue_.begin_write(adopted);
  prepare_or_hand_over(adopted);
}

void SessionTasks::look_up(std::unique_ptr<Task> task) {
  assert(!has_writes());
  if (is_silent()) return;  // it changes nothing, and is not answered
  prepare_or_hand_over(adopt(std::move(task)));
}

void SessionTasks::prepare_or_hand_over(TaskInFlight& task) {
  const std::uint64_t bytes = bytes_of_old_values(*task.task, server_.store) + task.task->bytes_to_prepare();
  if (bytes > 0) {
    switch (memory_.take(MemoryWaits::For::kTask, bytes, task.task->bytes())) {
      case MemoryWaits::Taken::kYes: queue_.hold(task, bytes); break;
      case MemoryWaits::Taken::kNever:
        queue_.end_write(task);
        return task.refuse_for_memory(TaskInFlight::too_large());
      case MemoryWaits::Taken::kLater:
        task.stage = Stage::kWaiting;
        preparing_ = true;
        return;
    }
  }
  if (task.is_write && server_.store.try_prepare(*task.task)) return hand_to_writer(task);
  preparing_ = true;
  loop_.send_to_reader(task, Stage::kPreparing, session_.shared_from_this());
}

void SessionTasks::hand_to_writer(TaskInFlight& task) {
  loop_.gather(task, session_.shared_from_this());
  if (!waiting_for_room_ && server_.store.is_saturated()) {
    waiting_for_room_ = true;
    loop_.wait_for_room(session_.shared_from_this());
  }
}

void SessionTasks::execute(std::unique_ptr<BatchTask> batch) {
  assert(!batch_);
  if (!memory_.try_take(batch->overhead_bytes())) {
    server_.client_memory.count_refusal();
    return protocol::ReplyEncoder(format(), reply_.target())
        .error(protocol::errors::transaction_without_memory());
  }
  batch_ = std::move(batch);
  build_batch();
}

// Builds some commands of a long transaction at a time: other connections have their turns in between.
void SessionTasks::build_batch() {
  if (!batch_->build(session_)) return;
  const bool has_late_parts = batch_->has_late_parts();
  const std::size_t overhead = batch_->overhead_bytes();
  TaskInFlight& adopted = adopt(std::move(batch_));
  holding_requests_ = has_late_parts;
  queue_.hold(adopted, overhead);
  queue_.begin_write(adopted);
  prepare_or_hand_over(adopted);
}

void SessionTasks::hold_requests() {
  assert(!queue_.empty());
  holding_requests_ = true;
}

void SessionTasks::task_done(TaskInFlight& task) {
  assert(!task.session);
  switch (task.stage) {
    case Stage::kPreparing:
      preparing_ = false;
      if (task.is_write) return hand_to_writer(task);
      task.stage = Stage::kDone;
      return;
    case Stage::kWithWriter:
      queue_.end_write(task);
      task.stage = Stage::kDone;
      return;
    case Stage::kLoading: task.stage = Stage::kLoaded; return;
    case Stage::kWaiting:
    case Stage::kDone:
    case Stage::kPostponed:
    case Stage::kLoaded: assert(false && "it was neither with the writer nor with a reader");
  }
}

void SessionTasks::load(std::unique_ptr<Task> task) {
  if (is_silent()) return;  // it changes nothing, and is not answered
  protocol::ReplyBuffer& target = reply_.target();
  const protocol::ReplyBuffer::Mark before = target.mark();
  Answered answered = Answered::kWantsDisk;
  if (answers_.takes_replies()) {
    protocol::ReplyEncoder reply(format(), target);
    answered = task->encode_some(reply, Reading::at_once());
    if (answered == Answered::kWhole) return;
  }
  TaskInFlight& adopted = adopt(std::move(task));
  adopted.is_begun = target.first_since(before).has_value();
  if (answered == Answered::kWantsDisk) answers_.postpone(adopted);
}

// ---- turns ----

void SessionTasks::take_turn() {
  assert(!is_quiet());
  if (batch_) build_batch();
  answers_.answer();
  if (queue_.empty()) holding_requests_ = false;
  (void)loop_.laps().lap();  // this time is not the next request's
}

// ---- memory ----

void SessionTasks::memory_again() {
  if (!waits_for_memory()) return;
  preparing_ = false;
  prepare_or_hand_over(queue_.back());
}

// A task that holds no memory, as it only reads, waits on: the tasks before it do not hold theirs for ever.
void SessionTasks::refuse_what_waits(const Status& why) {
  if (!waits_for_memory()) return;
  preparing_ = false;
  queue_.end_write(queue_.back());
  queue_.back().refuse_for_memory(why);
  memory_.set_waits_for(MemoryWaits::For::kTask, queue_.front().stage == Stage::kPostponed);
}

void SessionTasks::close() {
  batch_.reset();
  answers_.close();
}

}  // namespace minikv::server
