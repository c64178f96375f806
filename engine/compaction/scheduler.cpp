// The steps of compaction: which are taken, by which thread, and what is logged of those that fail.
#include "engine/compaction/scheduler.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "engine/base/helper_threads.h"
#include "engine/base/low_priority.h"
#include "engine/base/out_of_memory.h"
#include "engine/compaction/compaction.h"

namespace minikv::engine {
namespace {

using std::chrono::steady_clock;

constexpr auto kLookAgain = std::chrono::seconds(1);
constexpr double kPressedBacklog = 0.75;
constexpr int kMaxPlans = 10;

}  // namespace

// ---- what there is to do ----

CompactionPolicy CompactionScheduler::policy() const {
  const Options& options = state_.options;
  CompactionPolicy policy;
  policy.threshold = options.compaction_threshold;
  policy.dead_ratio = options.compaction_dead_ratio;
  policy.segment_size = options.segment_size;
  policy.disk_is_tight = keeper_.disk().is_tight();
  if (const auto free = keeper_.disk().free_bytes()) {
    policy.room = *free + (keeper_.spare().is_ready() ? options.segment_size : 0);
    policy.room -= std::min(policy.room / 2, kMiB);
  }
  return policy;
}

std::vector<SegmentUse> CompactionScheduler::sealed_segments() const {
  const std::vector<ManifestSegment> entries = keeper_.manifest().segments();
  std::vector<SegmentUse> sealed;
  SharedGuard guard(state_.lock);
  for (const ManifestSegment& entry : entries) {
    if (entry.state != SegmentState::kSealed) continue;
    const auto found = state_.segments.find(id_of(entry));
    if (found == state_.segments.end()) continue;
    const Segment& segment = *found->second;
    if (segment.is_left_alone.load(std::memory_order_relaxed) ||
        segment.is_being_installed.load(std::memory_order_acquire)) {
      continue;
    }
    sealed.push_back(
        {entry, segment.used(), segment.live(), segment.dead_at_birth_bytes.load(std::memory_order_relaxed)});
  }
  return sealed;
}

double CompactionScheduler::backlog() const {
  return engine::backlog(sealed_segments(), state_.options.segment_size);
}

bool CompactionScheduler::is_behind() {
  if (backlog() <= 1) return false;
  MutexLock lock(mutex_);
  return !claimed_.empty() && !stopping_;
}

// Compaction is paced so that clients do not notice it, as long as writes do not get ahead.
Urgency CompactionScheduler::urgency() const {
  const bool is_pressed = backlog() > kPressedBacklog || keeper_.disk().is_tight();
  return is_pressed ? Urgency::kSome : Urgency::kNone;
}

// ---- one step ----

Result<std::uint64_t> CompactionScheduler::run_step(const std::vector<ManifestSegment>& inputs) {
  const std::int64_t started_ms = state_.clock.steady_ms();
  auto reclaimed = run_compaction(inputs);
  if (reclaimed) {
    state_.log.info("compaction: {} segments read, {} bytes reclaimed, {} ms", inputs.size(), *reclaimed,
                    state_.clock.steady_ms() - started_ms);
  }
  note_outcome(reclaimed.status());
  return reclaimed;
}

Result<std::uint64_t> CompactionScheduler::run_compaction(
    const std::vector<ManifestSegment>& inputs) noexcept {
  try {
    Compaction compaction(state_, keeper_, writer_, rate_, [this] { return urgency(); }, stopping_);
    return compaction.run(inputs);
  } catch (const std::bad_alloc&) {
    return out_of_memory("a compaction");
  }
}

// A failing step is tried again every second, and only its first failure is logged. On a full disk each
// failure names another file, so that only the codes are compared.
void CompactionScheduler::note_outcome(const Status& outcome) {
  MutexLock lock(mutex_);
  const bool is_same = outcome.code() == StatusCode::kDiskFull ? failure_.code() == StatusCode::kDiskFull
                                                               : outcome.message() == failure_.message();
  if (!outcome && !is_same) state_.log.warn("compaction given up: {}", outcome.message());
  failure_ = outcome;
  if (!outcome) failed_at_ = steady_clock::now();
}

// ---- by hand ----

Result<CompactionResult> CompactionScheduler::compact_all() {
  {
    MutexLock lock(mutex_);
    while (is_manual_ && !stopping_) changed_.wait(mutex_);
    if (stopping_) return {StatusCode::kShutdown, "the store is closing"};
    is_manual_ = true;
    // The running steps end, and no new ones begin.
    while (!claimed_.empty()) changed_.wait(mutex_);
  }
  auto result = state_.options.single_threaded ? compact_all_or_say_why() : compact_all_on_thread();
  MutexLock lock(mutex_);
  is_manual_ = false;
  may_be_due_ = true;
  changed_.notify_all();
  return result;
}

// Runs on a thread of its own, since the caller's could not get its priority back.
Result<CompactionResult> CompactionScheduler::compact_all_on_thread() noexcept {
  Result<CompactionResult> result = out_of_memory("a thread for the compaction");
  HelperThreads thread;
  thread.add([this, &result] {
    lower_priority_of_this_thread();
    result = compact_all_or_say_why();
  });
  thread.join();
  return result;
}

Result<CompactionResult> CompactionScheduler::compact_all_or_say_why() noexcept {
  try {
    return compact_all_in_steps();
  } catch (const std::bad_alloc&) {
    return out_of_memory("a compaction");
  }
}

Result<CompactionResult> CompactionScheduler::compact_all_in_steps() {
  if (state_.health.is_read_only()) return state_.health.refusal();
  const std::int64_t started_ms = state_.clock.steady_ms();
  Status rotated;
  MINIKV_TRY(writer_.run_on_writer([&] { rotated = writer_.rotate(); }));
  // On a full disk there may be no segment to go on in; the sealed segments are compacted all the same.
  if (!rotated && rotated.code() != StatusCode::kDiskFull) return rotated;
  MINIKV_TRY(keeper_.wait_until_sealed());
  CompactionResult result;
  // Each step gives back room for the next one, and so is planned when its turn comes. Segments that the
  // steps have written are no inputs of later steps.
  const SegmentId first_of_mine = keeper_.manifest().allocate_segment_id();
  for (int planned_anew = 0;;) {
    std::vector<SegmentUse> sealed = sealed_segments();
    std::erase_if(sealed, [&](const SegmentUse& segment) { return id_of(segment.entry) >= first_of_mine; });
    const auto steps = plan_full(std::move(sealed), policy());
    if (steps.empty()) break;
    auto reclaimed = run_step(steps.front());
    // Something has taken room that the step was planned for, most likely the next spare. A smaller step may
    // fit.
    if (reclaimed.code() == StatusCode::kDiskFull && planned_anew++ < kMaxPlans) continue;
    if (!reclaimed) return reclaimed.status();
    result.reclaimed_bytes += *reclaimed;
  }
  result.duration_ms = static_cast<std::uint64_t>(state_.clock.steady_ms() - started_ms);
  return result;
}

// ---- by itself ----

void CompactionScheduler::start() {
  assert(threads_.empty() && !stopping_ && "start() once, and not after stop()");
  if (!has_threads()) return;
  for (std::uint32_t i = 0; i < state_.options.compaction_threads; ++i) {
    threads_.emplace_back([this] { run(); });
  }
}

void CompactionScheduler::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  MutexLock lock(mutex_);
  while (is_manual_) changed_.wait(mutex_);
  assert(claimed_.empty());
}

void CompactionScheduler::wake() {
  MutexLock lock(mutex_);
  may_be_due_ = true;
  changed_.notify_all();
}

void CompactionScheduler::run_if_due() noexcept {
  assert(state_.options.single_threaded);
  if (state_.options.compaction_threshold == 0) return;
  (void)without_throwing([this] {
    while (run_due_step()) {
    }
    return Status();
  });
}

void CompactionScheduler::run() {
  lower_priority_of_this_thread();
  for (;;) {
    {
      MutexLock lock(mutex_);
      wait_until_due();
      if (stopping_) return;
      may_be_due_ = false;
    }
    try {
      while (run_due_step()) {
      }
    } catch (const std::bad_alloc&) {
      // The thread looks again in a second.
    }
  }
}

// A seal wakes the thread. But segments also become due by overwrites before the next seal and by expiry, so
// that the thread looks again every second.
void CompactionScheduler::wait_until_due() {
  const auto look_again = steady_clock::now() + kLookAgain;
  while (!may_be_due_ && !stopping_ && steady_clock::now() < look_again) {
    changed_.wait_until(mutex_, look_again);
  }
  // On a full disk each refused write wakes the thread, which tries again only every second.
  while (failure_.code() == StatusCode::kDiskFull && !stopping_ &&
         steady_clock::now() < failed_at_ + kLookAgain) {
    changed_.wait_until(mutex_, failed_at_ + kLookAgain);
  }
}

// Runs one bounded step over segments that no other step has claimed. False: there was nothing to do, or the
// step failed.
bool CompactionScheduler::run_due_step() {
  std::vector<ManifestSegment> inputs;
  {
    MutexLock lock(mutex_);
    if (stopping_ || is_manual_ || state_.health.is_read_only()) return false;
    std::vector<SegmentUse> sealed = sealed_segments();
    std::erase_if(sealed, [this](const SegmentUse& segment)
                              MINIKV_REQUIRES(mutex_) { return claimed_.contains(id_of(segment.entry)); });
    if (sealed.empty()) return false;
    inputs = pick_for_background(sealed, policy());
    if (inputs.empty()) return false;
    claim(inputs);
    // The remaining segments may be enough for another thread.
    may_be_due_ = true;
    changed_.notify_all();
  }
  const bool went_well = run_step(inputs).is_ok();
  release(inputs);
  return went_well;
}

void CompactionScheduler::claim(const std::vector<ManifestSegment>& inputs) {
  try {
    for (const ManifestSegment& input : inputs) {
      const bool is_new = claimed_.insert(id_of(input)).second;
      assert(is_new && "two steps over one segment");
      (void)is_new;
    }
  } catch (const std::bad_alloc&) {
    for (const ManifestSegment& input : inputs) claimed_.erase(id_of(input));
    throw;
  }
}

void CompactionScheduler::release(const std::vector<ManifestSegment>& inputs) {
  MutexLock lock(mutex_);
  for (const ManifestSegment& input : inputs) {
    [[maybe_unused]] const std::size_t erased = claimed_.erase(id_of(input));
    assert(erased == 1);
  }
  changed_.notify_all();
}

}  // namespace minikv::engine
