// How tasks and calls get to the writer, and how threads take turns as the writer.
#include "engine/commit/writer_queue.h"

#include <algorithm>
#include <cassert>

#include "engine/base/out_of_memory.h"

namespace minikv::engine {

WriterQueue::~WriterQueue() { assert(queue_.empty() && taken_.empty() && first_call_ == nullptr); }

// ---- tasks ----

WriterQueue::Submitted WriterQueue::submit(std::span<WriteTask* const> tasks, CommitHere here) {
  std::uint64_t bytes = 0;
  for (const WriteTask* task : tasks) bytes += task->bytes();
  const bool may_be_here = here != CommitHere::kNo && !is_single_threaded_;
  bool is_first = false;
  {
    MutexLock lock(mutex_);
    if (stopping_) return Submitted::kRefused;
    queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    if (may_be_here && is_idle() && owner_.may_commit_here(tasks, bytes, here)) {
      acting_ = Acting::kOtherThread;
      return Submitted::kHere;
    }
    is_first = queue_.empty();
    queue_.push_back(tasks);
  }
  // Notifies without the lock, for which the woken writer would have to wait.
  if (is_first) wake_.notify_one();
  return Submitted::kQueued;
}

void WriterQueue::note_answered(const WriteTask& task) {
  [[maybe_unused]] const std::uint64_t before =
      queued_bytes_.fetch_sub(task.bytes(), std::memory_order_relaxed);
  assert(before >= task.bytes());
}

// ---- calls ----

Status WriterQueue::run_on_writer(const std::function<void()>& work) {
  Call call{work, nullptr, false, {}};
  if (is_single_threaded_) {
    run(call);
    return call.status;
  }
  MutexLock lock(mutex_);
  if (stopped_) return {StatusCode::kShutdown, "the store is closing"};
  (first_call_ == nullptr ? first_call_ : last_call_->next) = &call;
  last_call_ = &call;
  wake_.notify_one();
  while (!call.done) call_done_.wait(mutex_);
  return call.status;
}

void WriterQueue::run(Call& call) noexcept {
  const MemoryReserve::Use use(&reserve_);
  call.status = without_throwing([&] {
    call.work();
    return Status();
  });
}

bool WriterQueue::run_call() {
  Call* call = nullptr;
  {
    MutexLock lock(mutex_);
    assert(acting_ != Acting::kNone);
    if (first_call_ == nullptr) return false;
    call = first_call_;
    first_call_ = call->next;
  }
  run(*call);
  MutexLock lock(mutex_);
  call->done = true;
  call_done_.notify_all();
  return true;
}

void WriterQueue::wait_for_call(TimePoint deadline) {
  MutexLock lock(mutex_);
  if (first_call_ == nullptr) wake_.wait_until(mutex_, deadline);
}

// ---- the end ----

void WriterQueue::stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  wake_.notify_one();
}

void WriterQueue::refuse_calls() {
  MutexLock lock(mutex_);
  assert(stopping_);
  stopped_ = true;
  for (; first_call_ != nullptr; first_call_ = first_call_->next) {
    first_call_->status = Status(StatusCode::kShutdown, "the store is closing");
    first_call_->done = true;
  }
  call_done_.notify_all();
}

bool WriterQueue::has_stopped() const {
  MutexLock lock(mutex_);
  return stopped_;
}

// ---- while a reader brings a value ----

void WriterQueue::begin_reading() {
  MutexLock lock(mutex_);
  assert(acting_ != Acting::kNone && !reading_);
  reading_ = true;
}

void WriterQueue::end_reading() {
  MutexLock lock(mutex_);
  assert(reading_);
  reading_ = false;
  wake_.notify_one();
}

// ---- turns ----

WriterQueue::Turn WriterQueue::next_turn() {
  MutexLock lock(mutex_);
  // When the writer's thread starts, another thread may already act as the writer.
  if (acting_ == Acting::kWritersThread) acting_ = Acting::kNone;
  wait_for_work();
  taken_.append(queue_);
  Turn turn;
  turn.is_reading = reading_;
  turn.is_idle = taken_.empty() && first_call_ == nullptr;
  turn.is_last = turn.is_idle && stopping_;
  if (!turn.is_last) acting_ = Acting::kWritersThread;
  return turn;
}

void WriterQueue::wait_for_work() {
  while (acting_ != Acting::kNone || !is_something_due()) {
    if (acting_ != Acting::kNone) {
      waits_until_ = kForItsTurn;
      wake_.wait(mutex_);
      continue;
    }
    const auto deadline = owner_.next_deadline(reading_);
    if (deadline && std::chrono::steady_clock::now() >= *deadline) break;
    waits_until_ = deadline.value_or(kForWork);
    if (deadline) {
      wake_.wait_until(mutex_, *deadline);
    } else {
      wake_.wait(mutex_);
    }
  }
  waits_until_ = kForWork;
}

bool WriterQueue::end_turn() {
  bool is_nothing_left = false, is_wanted = false;
  {
    MutexLock lock(mutex_);
    assert(acting_ == Acting::kOtherThread);
    acting_ = Acting::kNone;
    is_nothing_left = taken_.empty();
    if (is_single_threaded_) return is_nothing_left;
    is_wanted = waits_until_ == kForItsTurn || is_something_due();
    if (!is_wanted) {
      const auto deadline = owner_.next_deadline(reading_);
      is_wanted = deadline && *deadline < waits_until_;
    }
  }
  if (is_wanted) wake_.notify_one();
  return is_nothing_left;
}

bool WriterQueue::begin_turn() {
  MutexLock lock(mutex_);
  assert(is_single_threaded_);
  if (acting_ != Acting::kNone) return false;
  acting_ = Acting::kOtherThread;
  return true;
}

void WriterQueue::take_queued() {
  MutexLock lock(mutex_);
  taken_.append(queue_);
}

}  // namespace minikv::engine
