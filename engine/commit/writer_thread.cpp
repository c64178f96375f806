// Who is the writer: its own thread, or whoever comes while that one has nothing to do.

#include <algorithm>
#include <chrono>
#include <new>

#include "engine/commit/writer.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kBytesHere =
    256 * 1024;  // what an event loop may commit at once takes about a millisecond
constexpr std::size_t kSliceReserveBytes = 64 * 1024;  // more than a slice takes of the reserve
constexpr auto kRetryWork = std::chrono::seconds(1);

}  // namespace

// ---- in the place of the writer's thread ----

bool Writer::can_commit_here(std::span<WriteTask* const> tasks, std::uint64_t bytes, CommitHere here) const {
  if (here == CommitHere::kNo || state_.options.single_threaded) return false;
  const bool is_idle = !is_taken_ && waits_until_ != kForItsPlace && !fetching_ && !is_something_due();
  if (!is_idle || in_reserve_ || !fits(bytes) || !leaves_reserve(bytes)) return false;
  if (here == CommitHere::kYes) return true;
  return state_.options.fsync != Fsync::kAlways && bytes <= kBytesHere &&
         !keeper_.may_hold_up(next_sequence_) &&
         std::none_of(tasks.begin(), tasks.end(), [](const WriteTask* task) { return task->takes_long(); });
}

bool Writer::commit_here(std::span<WriteTask* const> tasks) {
  waiting_.push_back(tasks);
  commit_group();
  const bool are_done = waiting_.empty();  // otherwise a reader brings a value that is needed
  bool is_wanted = false;
  {
    MutexLock lock(mutex_);
    is_taken_ = false;
    is_wanted = waits_until_ == kForItsPlace || is_something_due();
    if (!is_wanted) {
      const auto deadline = next_deadline();
      is_wanted = deadline && *deadline < waits_until_;
    }
  }
  if (is_wanted) wake_.notify_one();
  return are_done;
}

// ---- values that the next task is going to read ----

void Writer::set_fetching(bool fetching) {
  MutexLock lock(mutex_);
  fetching_ = fetching;
  if (!fetching) wake_.notify_one();
}

// Whether the values that the task is going to ask for are in memory. If one is not, a reader brings it, and
// the task stays where it is: at the head of the next group.
bool Writer::has_old_values(WriteTask& task) {
  for (OldValue& old : task.old_values()) {
    const std::optional<ValueHandle> missing = group_.find_missing(old);
    if (!missing) continue;
    set_fetching(true);
    try {
      old_values_.load_on_reader(old, *missing, [this] { set_fetching(false); });
    } catch (const std::bad_alloc&) {
      set_fetching(false);
      throw;
    }
    return false;
  }
  return true;
}

// ---- the writer's thread ----

void Writer::drain_if_single_threaded() {
  if (!state_.options.single_threaded || draining_) return;
  draining_ = true;
  for (;;) {
    bool is_over = false;
    {
      MutexLock lock(mutex_);
      waiting_.append(queue_);
      is_over = stopped_;
    }
    if (!waiting_.empty()) {
      commit_group();
    } else if (is_over || !run_housekeeping()) {
      break;
    }
  }
  draining_ = false;
}

Status Writer::run_on_writer(const std::function<void()>& work) {
  Errand errand{work, nullptr, false, {}};
  if (state_.options.single_threaded) {
    run(errand);
    return errand.status;
  }
  MutexLock lock(mutex_);
  if (stopping_ && stopped_) return {StatusCode::kShutdown, "the store is closing"};
  (first_errand_ == nullptr ? first_errand_ : last_errand_->next) = &errand;
  last_errand_ = &errand;
  wake_.notify_one();
  while (!errand.done) errand_done_.wait(mutex_);
  return errand.status;
}

void Writer::run(Errand& errand) noexcept {
  const MemoryReserve::Use use(&state_.reserve);
  errand.status = without_throwing([&] {
    errand.work();
    return Status();
  });
}

bool Writer::run_errand() {
  Errand* errand = nullptr;
  {
    MutexLock lock(mutex_);
    if (first_errand_ == nullptr) return false;
    errand = first_errand_;
    first_errand_ = errand->next;
  }
  run(*errand);
  MutexLock lock(mutex_);
  errand->done = true;
  errand_done_.notify_all();
  return true;
}

void Writer::run() {
  // By this thread: when it starts, somebody may have taken its place already.
  bool has_taken = false;
  for (;;) {
    bool idle = false, fetching = false;
    {
      MutexLock lock(mutex_);
      if (has_taken) is_taken_ = false;
      wait_for_work();
      has_taken = is_taken_ = true;
      fetching = fetching_;
      waiting_.append(queue_);
      idle = waiting_.empty() && first_errand_ == nullptr;
      if (idle && stopping_) {
        is_taken_ = false;
        return;
      }
    }
    while (run_errand()) {
    }
    if (!waiting_.empty() && !fetching) {
      commit_group();
    } else if (idle) {
      run_if_there_is_memory([this] {
        append_watermark();
        return true;
      });
    }
    (void)run_housekeeping();
  }
}

// Whether something was done.
bool Writer::run_housekeeping() {
  return run_if_there_is_memory([this] { return housekeeping_.run_slice(); });
}

// For what nobody waits for: where there is no memory, it is tried again a little later.
template <typename Work>
bool Writer::run_if_there_is_memory(Work work) noexcept {
  using std::chrono::steady_clock;
  if (retry_at_ != steady_clock::time_point() && steady_clock::now() < retry_at_) return false;
  const MemoryReserve::Use use(&state_.reserve);
  try {
    if (!state_.reserve.ensure(kSliceReserveBytes)) throw std::bad_alloc();
    const bool was_done = work();
    retry_at_ = {};
    return was_done;
  } catch (const std::bad_alloc&) {
    if (retry_at_ == steady_clock::time_point())
      state_.log.warn("there is no memory for the store's own work; it is tried again every second");
    retry_at_ = steady_clock::now() + kRetryWork;
    return false;
  }
}

// Until there is something to do, or the time has come for what is done without being asked for; and nobody has taken its
// place.
void Writer::wait_for_work() {
  while (is_taken_ || !is_something_due()) {
    if (is_taken_) {
      waits_until_ = kForItsPlace;
      wake_.wait(mutex_);
      continue;
    }
    const auto deadline = next_deadline();
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

std::optional<std::chrono::steady_clock::time_point> Writer::next_deadline() {
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (!fetching_ && wants_watermark()) deadline = watermark_due_;
  if (const auto due = housekeeping_.due_in_ms()) {
    const auto at =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max<std::int64_t>(*due, 0));
    deadline = deadline ? std::min(*deadline, at) : at;
  }
  if (deadline) deadline = std::max(*deadline, retry_at_);
  return deadline;
}

}  // namespace minikv::engine
