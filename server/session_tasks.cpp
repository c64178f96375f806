// What the writer and the readers do for a session, and how it is answered.
#include <algorithm>
#include <utility>

#include "server/event_loop.h"
#include "server/server_state.h"
#include "server/session.h"

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

Task& Session::adopt(std::unique_ptr<Task> task) {
  task->loop_ = &loop_;
  task->format_ = format_;
  if (server_.slow_log.is_on() && task->summary_.is_empty()) task->summary_.assign(parser_.request());
  task->is_silent_ = is_silent_;
  task->started_ = loop_.laps().last();
  in_flight_bytes_ += task->bytes();
  tasks_.push(std::move(task));
  return tasks_.back();
}

void Session::submit(std::unique_ptr<Task> task) {
  Task& adopted = adopt(std::move(task));
  ++writes_in_flight_;
  writer_bytes_ += adopted.bytes();
  prepare_or_hand_over(adopted);
}

void Session::look_up(std::unique_ptr<Task> task) {
  if (is_silent_) return;  // it changes nothing, and is not answered
  Task& adopted = adopt(std::move(task));
  adopted.skips_writer_ = true;
  prepare_or_hand_over(adopted);
}

void Session::prepare_or_hand_over(Task& task) {
  const std::uint64_t bytes = bytes_of_old_values(task, server_.store) + task.bytes_to_prepare();
  if (bytes > 0) {
    switch (memory_.take(bytes, task.bytes())) {
      case SessionMemory::Taken::kYes: take_values(task, bytes); break;
      case SessionMemory::Taken::kNever: writer_is_done_with(task); return fail(task, too_large());
      case SessionMemory::Taken::kLater:
        task.stage_ = Task::Stage::kWaiting;
        preparing_ = task_waits_ = true;
        return wait_for_memory();
    }
  }
  if (!task.skips_writer_ && server_.store.try_prepare(task)) return hand_to_writer(task);
  preparing_ = true;
  send_to_reader(task, Task::Stage::kPreparing);
}

void Session::hand_to_writer(Task& task) {
  loop_.gather(task);
  task.stage_ = Task::Stage::kWithWriter;
  task.session_ = shared_from_this();
  if (!waiting_for_room_ && server_.store.is_saturated()) {
    waiting_for_room_ = true;
    loop_.wait_for_room(shared_from_this());
  }
}

void Session::execute(std::unique_ptr<ExecTask> exec) {
  const std::uint64_t bytes = exec->overhead_bytes();
  if (!memory_.try_take(bytes)) {
    server_.client_memory.count_refusal();
    return protocol::ReplyEncoder(format_, *target_).error(protocol::errors::transaction_without_memory());
  }
  take_values(*exec, bytes);
  exec_ = std::move(exec);
  build_exec();
}

// Of a long transaction some commands at a time: other connections have their turns in between.
void Session::build_exec() {
  if (!exec_->build(*this, server_)) return;
  holding_requests_ = exec_->has_late_parts();
  submit(std::move(exec_));
}

void Session::task_done(Task& task) {
  switch (task.stage_) {
    case Task::Stage::kPreparing:
      preparing_ = false;
      if (!task.skips_writer_) return hand_to_writer(task);
      task.stage_ = Task::Stage::kDone;
      return;
    case Task::Stage::kWithWriter:
      writer_is_done_with(task);
      task.stage_ = Task::Stage::kDone;
      return;
    default: task.stage_ = Task::Stage::kLoaded;
  }
}

void Session::writer_is_done_with(const Task& task) {
  if (task.skips_writer_) return;
  --writes_in_flight_;
  writer_bytes_ -= task.bytes();
}

// It is answered with why, when its turn comes.
void Session::fail(Task& task, const Status& why) {
  server_.client_memory.count_refusal();
  task.set_status(why);
  task.stage_ = Task::Stage::kDone;
}

// ---- to readers ----

bool Session::takes_replies() const { return output_.size() + tail_bytes_ < kSendAheadBytes; }

void Session::load(std::unique_ptr<Task> task) {
  if (is_silent_) return;  // it changes nothing, and is not answered
  protocol::ReplyBuffer& target = *target_;
  const protocol::ReplyBuffer::Mark before = target.mark();
  Answered answered = Answered::kWantsDisk;
  if (takes_replies()) {
    task->format_ = format_;
    answered = task->answer(target);
    if (answered == Answered::kWhole) return;
  }
  Task& adopted = adopt(std::move(task));
  adopted.is_begun_ = target.first_since(before).has_value();
  if (answered == Answered::kInPart) return;
  adopted.stage_ = Task::Stage::kPostponed;
  if (postponed_ == nullptr) postponed_ = &adopted;
  load_ahead();
}

void Session::send_to_reader(Task& task, Task::Stage stage) {
  task.stage_ = stage;
  task.session_ = shared_from_this();
  try {
    loop_.send_to_reader(task);
  } catch (const std::bad_alloc&) {
    task.session_.reset();
    throw;
  }
}

// As many of the tasks that want a reader get one as the client is about to take, but at least the first, if it is the one
// that all others wait for.
void Session::load_ahead() {
  while (postponed_ != nullptr && output_.size() + loading_bytes_ < kSendAheadBytes) {
    Task& task = *postponed_;
    const std::uint64_t bytes = task.bytes_for_reader();
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
    while (postponed_ != nullptr && postponed_->stage_ != Task::Stage::kPostponed);
    if (task.stage_ != Task::Stage::kPostponed) continue;
    take_values(task, bytes);
    task.loading_bytes_ = static_cast<std::size_t>(bytes);
    loading_bytes_ += task.loading_bytes_;
    account_replies();
    send_to_reader(task, Task::Stage::kLoading);
  }
}

void Session::take_values(Task& task, std::uint64_t bytes) {
  task.held_bytes_ += bytes;
  held_by_tasks_ += bytes;
}

void Session::release_values(Task& task) { held_by_tasks_ -= std::exchange(task.held_bytes_, 0); }

// ---- answers ----

bool Session::can_answer() const {
  if (tasks_.empty() || state_ == State::kClosed) return false;
  const Task& task = tasks_.front();
  if (task.stage_ == Task::Stage::kLoaded) return true;
  if (task.stage_ != Task::Stage::kDone) return false;
  return output_.size() < (task.reads_values() ? kSendAheadBytes : output_limit());
}

void Session::answer_tasks() {
  const std::size_t before = output_.size();
  while (can_answer() && output_.size() < before + kTurnAnswerBytes && answer_front()) {
  }
  load_ahead();
}

// False: the first task can't be gone on with before a reader has done something, or others have had their turn.
bool Session::answer_front() {
  Task& task = tasks_.front();
  const protocol::ReplyBuffer::Mark before = output_.mark();
  Answered answered = Answered::kWhole;
  if (task.stage_ == Task::Stage::kLoaded) {
    loading_bytes_ -= std::exchange(task.loading_bytes_, 0);
    release_values(task);
    if (task.part_) output_.append(std::move(*task.part_));
    task.part_.reset();
    task.stage_ = Task::Stage::kDone;
    answered = task.status_ ? task.progress_ : task.answer(output_);
  } else {
    answered = task.answer(output_);
  }
  if (!task.is_begun_ && output_.first_since(before)) {
    task.is_begun_ = true;
    count_reply(output_, before);
  }
  if (answered == Answered::kWhole) {
    finish_front();
  } else if (answered == Answered::kWantsDisk) {
    task.stage_ = Task::Stage::kPostponed;
    postponed_ = &task;
    load_ahead();
    return task.stage_ == Task::Stage::kDone;  // it was refused
  }
  return answered != Answered::kInPart;
}

void Session::finish_front() {
  Task& task = tasks_.front();
  if (task.tail_) {
    tail_bytes_ -= task.tail_->size();
    output_.append(std::move(*task.tail_));
  }
  in_flight_bytes_ -= task.bytes();
  release_values(task);
  (void)loop_.laps().lap();
  const Clock::time_point answered = loop_.laps().last();
  if (server_.slow_log.is_slow(answered - task.started_)) {
    note_slow(task.started_, answered, task.summary_);
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
  if (std::exchange(task_waits_, false) && !tasks_.empty() && tasks_.back().stage_ == Task::Stage::kWaiting) {
    preparing_ = false;
    prepare_or_hand_over(tasks_.back());
  }
  go_on_now();
}

// What is held is counted exactly between the turns.
void Session::settle_memory() {
  if (!input_waits_ && !requests_wait_ && !task_waits_) memory_.stop_waiting();
  memory_.settle(held_bytes(), state_ != State::kClosed && input_.has_own_blocks());
}

std::uint64_t Session::held_bytes() const {
  const std::size_t multi = client_.multi ? client_.multi->memory() : 0;
  const std::size_t names =
      client_.name.size() + client_.library_name.size() + client_.library_version.size();
  return input_.memory() + parser_.memory() + output_.memory() + tail_bytes_ + in_flight_bytes_ +
         tasks_.size() * kTaskBytes + held_by_tasks_ + multi + 2 * names;
}

// Half of a request is not kept where there is no memory for it: many of those would keep others from being served.
void Session::give_up_what_has_no_room() {
  if (state_ != State::kOpen || !memory_.has_no_room_for(held_bytes())) return;
  give_up_request("only half of the request has come, and there is no memory left to keep that");
  run_requests();
}

// A request that has waited for memory for too long is answered with an error, so that others get what it holds. One that
// holds nothing, as it only reads, waits on: those before it do not have theirs for ever.
void Session::refuse_what_waits() {
  const Status why = waited_too_long();
  if (input_waits_) give_up_request(why.message());
  if (!tasks_.empty() && tasks_.back().stage_ == Task::Stage::kWaiting) {
    preparing_ = false;
    writer_is_done_with(tasks_.back());
    fail(tasks_.back(), why);
    task_waits_ = !tasks_.empty() && tasks_.front().stage_ == Task::Stage::kPostponed;
  }
}

}  // namespace minikv::server
