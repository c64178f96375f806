// When the writer does its own work, and what happens where there is no memory for it.
#include "engine/commit/maintenance.h"

#include <algorithm>
#include <new>

namespace minikv::engine {
namespace {

constexpr std::size_t kSliceReserveBytes = 64 * 1024;  // more than a slice takes of the reserve
constexpr auto kRetryWork = std::chrono::seconds(1);

}  // namespace

Maintenance::Maintenance(SharedState& state, Keeper& keeper, LogWriter& log, LogRoom& room)
    : state_(state),
      log_(log),
      active_expiry_(state),
      range_sweep_(state),
      time_keeping_(state, keeper, log, room),
      lead_keeping_(state, keeper),
      index_watch_(state),
      tasks_{&active_expiry_, &range_sweep_, &time_keeping_, &lead_keeping_, &index_watch_} {}

std::optional<Maintenance::TimePoint> Maintenance::next_deadline(bool may_be_idle) {
  std::optional<TimePoint> deadline;
  if (may_be_idle && log_.wants_watermark()) deadline = log_.watermark_due();
  if (const auto due = due_in_ms()) {
    const auto at =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max<std::int64_t>(*due, 0));
    deadline = deadline ? std::min(*deadline, at) : at;
  }
  if (deadline) deadline = std::max(*deadline, retry_at_);
  return deadline;
}

// The earliest of the tasks' answers.
std::optional<std::int64_t> Maintenance::due_in_ms() {
  std::optional<std::int64_t> earliest;
  for (MaintenanceTask* const task : tasks_) {
    const auto due = task->due_in_ms();
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

bool Maintenance::run_slice() noexcept {
  return run_if_there_is_memory([this] { return run_task_that_is_due(); });
}

bool Maintenance::run_task_that_is_due() {
  for (std::size_t tried = 0; tried < tasks_.size(); ++tried) {
    MaintenanceTask& task = *tasks_[next_task_];
    next_task_ = (next_task_ + 1) % tasks_.size();
    if (task.due_in_ms() != std::optional<std::int64_t>(0)) continue;
    task.run_slice();
    return true;
  }
  return false;
}

void Maintenance::run_when_idle() noexcept {
  (void)run_if_there_is_memory([this] {
    if (log_.wants_watermark() && std::chrono::steady_clock::now() >= log_.watermark_due())
      log_.append_watermark(state_.clock.now_ms());
    return true;
  });
}

// If there is no memory, the work is tried again a little later: no client waits for it.
template <typename Work>
bool Maintenance::run_if_there_is_memory(Work work) noexcept {
  using std::chrono::steady_clock;
  if (retry_at_ != TimePoint() && steady_clock::now() < retry_at_) return false;
  const MemoryReserve::Use use(&state_.reserve);
  try {
    if (!state_.reserve.ensure(kSliceReserveBytes)) throw std::bad_alloc();
    const bool was_done = work();
    retry_at_ = {};
    return was_done;
  } catch (const std::bad_alloc&) {
    if (retry_at_ == TimePoint())
      state_.log.warn("there is no memory for the store's own work; it is tried again every second");
    retry_at_ = steady_clock::now() + kRetryWork;
    return false;
  }
}

}  // namespace minikv::engine
