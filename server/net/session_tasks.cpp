// What the writer and the readers do for a session, and how it is answered.
#include <algorithm>
#include <utility>

#include "server/net/event_loop.h"
#include "server/net/session.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

// So many bytes of replies are made ahead of what the client has taken, where they are made of values that can be read later.
constexpr std::size_t kSendAheadBytes = 1024 * 1024;

// A turn ends when it has made so many bytes of answers.
constexpr std::size_t kTurnAnswerBytes = 1024 * 1024;

// The memory for old values of this length is not worth counting.
constexpr std::size_t kShortValueBytes = 64 * 1024;

// What a task needs of memory on the writer beyond its arguments: the long values that it changes, before and after.
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

Status too_large() {
  return {StatusCode::kOutOfMemory,
          "it takes more memory than max_client_memory allows for one request; ask for less at a time"};
}

Status waited_too_long() {
  return {StatusCode::kOutOfMemory,
          "no memory became free in time (max_client_memory, request_timeout); try again later"};
}

}  // namespace

// ---- to the writer ----

TaskInFlight& Session::adopt(std::unique_ptr<Task> task) {
  TaskPool::Owner one = loop_.task_pool().take(std::move(task));
  one->task->bind(*one, server_.watched_keys);
  one->format = format_;
  if (server_.slow_log.is_on()) one->summary.assign(parser_.request());
  one->is_silent = is_silent_;
  one->started = loop_.laps().last();
  return tasks_.push(std::move(one));
}

void Session::submit(std::unique_ptr<Task> task) {
  TaskInFlight& adopted = adopt(std::move(task));
  tasks_.begin_write(adopted);
  prepare_or_hand_over(adopted);
}

void Session::look_up(std::unique_ptr<Task> task) {
  if (is_silent_) return;  // it changes nothing, and is not answered
  prepare_or_hand_over(adopt(std::move(task)));
}

void Session::prepare_or_hand_over(TaskInFlight& task) {
  const std::uint64_t bytes = bytes_of_old_values(*task.task, server_.store) + task.task->bytes_to_prepare();
  if (bytes > 0) {
    switch (memory_.take(bytes, task.task->bytes())) {
      case SessionMemory::Taken::kYes: tasks_.hold(task, bytes); break;
      case SessionMemory::Taken::kNever: tasks_.end_write(task); return fail(task, too_large());
      case SessionMemory::Taken::kLater:
        task.stage = TaskInFlight::Stage::kWaiting;
        preparing_ = task_waits_ = true;
        return wait_for_memory();
    }
  }
  if (task.is_write && server_.store.try_prepare(*task.task)) return hand_to_writer(task);
  preparing_ = true;
  send_to_reader(task, TaskInFlight::Stage::kPreparing);
}

void Session::hand_to_writer(TaskInFlight& task) {
  loop_.gather(task);
  task.stage = TaskInFlight::Stage::kWithWriter;
  task.session = shared_from_this();
  if (!waiting_for_room_ && server_.store.is_saturated()) {
    waiting_for_room_ = true;
    loop_.wait_for_room(shared_from_this());
  }
}

void Session::execute(std::unique_ptr<BatchTask> exec) {
  const std::uint64_t bytes = exec->overhead_bytes();
  if (!memory_.try_take(bytes)) {
    server_.client_memory.count_refusal();
    return protocol::ReplyEncoder(format_, *target_).error(protocol::errors::transaction_without_memory());
  }
  exec_ = std::move(exec);
  build_exec();
}

// Of a long transaction some commands at a time: other connections have their turns in between.
void Session::build_exec() {
  if (!exec_->build(*this)) return;
  const bool has_late_parts = exec_->has_late_parts();
  const std::uint64_t bytes = exec_->overhead_bytes();
  TaskInFlight& adopted = adopt(std::move(exec_));
  holding_requests_ = has_late_parts;
  tasks_.begin_write(adopted);
  tasks_.hold(adopted, bytes);
  prepare_or_hand_over(adopted);
}

void Session::task_done(TaskInFlight& task) {
  switch (task.stage) {
    case TaskInFlight::Stage::kPreparing:
      preparing_ = false;
      if (task.is_write) return hand_to_writer(task);
      task.stage = TaskInFlight::Stage::kDone;
      return;
    case TaskInFlight::Stage::kWithWriter:
      tasks_.end_write(task);
      task.stage = TaskInFlight::Stage::kDone;
      return;
    default: task.stage = TaskInFlight::Stage::kLoaded;
  }
}

// It is answered with why, when its turn comes.
void Session::fail(TaskInFlight& task, const Status& why) {
  server_.client_memory.count_refusal();
  task.task->refuse(why);
  task.stage = TaskInFlight::Stage::kDone;
}

// ---- to readers ----

bool Session::takes_replies() const { return output_.size() + tasks_.tail_bytes() < kSendAheadBytes; }

void Session::load(std::unique_ptr<Task> task) {
  if (is_silent_) return;  // it changes nothing, and is not answered
  protocol::ReplyBuffer& target = *target_;
  const protocol::ReplyBuffer::Mark before = target.mark();
  Answered answered = Answered::kWantsDisk;
  if (takes_replies()) {
    protocol::ReplyEncoder reply(format_, target);
    answered = task->encode_some(reply, Reading::at_once());
    if (answered == Answered::kWhole) return;
  }
  TaskInFlight& adopted = adopt(std::move(task));
  adopted.is_begun = target.first_since(before).has_value();
  if (answered == Answered::kInPart) return;
  adopted.stage = TaskInFlight::Stage::kPostponed;
  if (postponed_ == nullptr) postponed_ = &adopted;
  load_ahead();
}

void Session::send_to_reader(TaskInFlight& task, TaskInFlight::Stage stage) {
  task.stage = stage;
  task.session = shared_from_this();
  try {
    loop_.send_to_reader(task);
  } catch (const std::bad_alloc&) {
    task.session.reset();
    throw;
  }
}

// As many of the tasks that want a reader get one as the client is about to take, but at least the first, if it is the one
// that all others wait for.
void Session::load_ahead() {
  while (postponed_ != nullptr && output_.size() + tasks_.loading_bytes() < kSendAheadBytes) {
    TaskInFlight& task = *postponed_;
    const std::uint64_t bytes = task.task->bytes_for_reader();
    const bool fits =
        server_.counters.replies_waiting.get() + bytes <= server_.options.max_total_output_bytes;
    if (&task != &tasks_.front()) {
      if (!fits || bytes > server_.client_memory.most_for_one() || !memory_.try_take(bytes)) return;
    } else if (const SessionMemory::Taken taken = fits ? memory_.take(bytes) : memory_.take_as_first(bytes);
               taken == SessionMemory::Taken::kLater) {
      task_waits_ = true;
      return wait_for_memory();
    } else if (taken == SessionMemory::Taken::kNever) {
      fail(task, too_large());
    }
    do postponed_ = TaskQueue::behind(*postponed_);
    while (postponed_ != nullptr && postponed_->stage != TaskInFlight::Stage::kPostponed);
    if (task.stage != TaskInFlight::Stage::kPostponed) continue;
    tasks_.hold(task, bytes);
    tasks_.begin_loading(task, static_cast<std::size_t>(bytes));
    account_replies();
    send_to_reader(task, TaskInFlight::Stage::kLoading);
  }
}

// ---- answers ----

bool Session::can_answer() const {
  if (tasks_.empty() || state_ == State::kClosed) return false;
  const TaskInFlight& task = tasks_.front();
  if (task.stage == TaskInFlight::Stage::kLoaded) return true;
  if (task.stage != TaskInFlight::Stage::kDone) return false;
  return output_.size() < (task.task->reads_values() ? kSendAheadBytes : output_limit());
}

void Session::answer_tasks() {
  const std::size_t before = output_.size();
  while (can_answer() && output_.size() < before + kTurnAnswerBytes && answer_front()) {
  }
  load_ahead();
}

// False: the first task can't be gone on with before a reader has done something, or others have had their turn.
bool Session::answer_front() {
  TaskInFlight& task = tasks_.front();
  const protocol::ReplyBuffer::Mark before = output_.mark();
  Answered answered = Answered::kWhole;
  if (task.stage == TaskInFlight::Stage::kLoaded) {
    tasks_.end_loading(task);
    tasks_.release(task);
    if (task.part) output_.append(std::move(*task.part));
    task.part.reset();
    task.stage = TaskInFlight::Stage::kDone;
    answered = task.task->status() ? task.progress : task.answer(output_);
  } else {
    answered = task.answer(output_);
  }
  if (!task.is_begun && output_.first_since(before)) {
    task.is_begun = true;
    count_reply(output_, before);
  }
  if (answered == Answered::kWhole) {
    finish_front();
  } else if (answered == Answered::kWantsDisk) {
    task.stage = TaskInFlight::Stage::kPostponed;
    postponed_ = &task;
    load_ahead();
    return task.stage == TaskInFlight::Stage::kDone;  // it was refused
  }
  return answered != Answered::kInPart;
}

void Session::finish_front() {
  TaskInFlight& task = tasks_.front();
  tasks_.take_tail(task, output_);
  tasks_.release(task);
  (void)loop_.laps().lap();
  const Clock::time_point answered = loop_.laps().last();
  if (server_.slow_log.is_slow(answered - task.started)) {
    note_slow(task.started, answered, task.summary);
  }
  tasks_.pop();
  if (tasks_.empty()) holding_requests_ = false;
}

// ---- memory ----

void Session::wait_for_memory() {
  if (!std::exchange(is_in_memory_queue_, true)) loop_.wait_for_memory(shared_from_this());
}

void Session::memory_again() {
  is_in_memory_queue_ = input_waits_ = requests_wait_ = false;
  if (state_ == State::kClosed) return;
  if (std::exchange(task_waits_, false) && !tasks_.empty() &&
      tasks_.back().stage == TaskInFlight::Stage::kWaiting) {
    preparing_ = false;
    prepare_or_hand_over(tasks_.back());
  }
  go_on_now();
}

// What is held is counted exactly between the turns.
void Session::settle_memory() {
  if (!input_waits_ && !requests_wait_ && !task_waits_) memory_.stop_waiting();
  const std::size_t multi = client_.multi ? client_.multi->memory() : 0;
  const std::size_t names =
      client_.name.size() + client_.library_name.size() + client_.library_version.size();
  const std::uint64_t held = input_.memory() + parser_.memory() + output_.memory() + tasks_.tail_bytes() +
                             tasks_.bytes() + tasks_.size() * kTaskBytes + tasks_.held_bytes() +
                             (exec_ ? exec_->overhead_bytes() : 0) + multi + 2 * names;
  memory_.settle(held, state_ != State::kClosed && input_.has_own_blocks());
}

// A request that has waited for memory for too long is answered with an error, so that others get what it holds. One that
// holds nothing, as it only reads, waits on: those before it do not have theirs for ever.
void Session::refuse_what_waits() {
  const Status why = waited_too_long();
  if (input_waits_) give_up_request(why.message());
  if (!tasks_.empty() && tasks_.back().stage == TaskInFlight::Stage::kWaiting) {
    preparing_ = false;
    tasks_.end_write(tasks_.back());
    fail(tasks_.back(), why);
    task_waits_ = !tasks_.empty() && tasks_.front().stage == TaskInFlight::Stage::kPostponed;
  }
}

}  // namespace minikv::server
