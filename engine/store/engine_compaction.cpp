// When the engine compacts: by hand, and by itself.

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>

#include "engine/base/helper_threads.h"
#include "engine/base/low_priority.h"
#include "engine/base/out_of_memory.h"
#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

constexpr auto kLookAgain = std::chrono::seconds(1);
constexpr double kPressedBacklog = 0.75;
constexpr int kMostPlans = 10;

}  // namespace

CompactionPolicy Engine::compaction_policy() const {
  const Options& options = state_->options;
  CompactionPolicy policy;
  policy.threshold = options.compaction_threshold;
  policy.dead_ratio = options.compaction_dead_ratio;
  policy.segment_size = options.segment_size;
  policy.disk_is_tight = keeper_->is_disk_tight();
  if (const auto free = keeper_->free_space()) {
    policy.room = *free + (keeper_->has_spare() ? options.segment_size : 0);
    policy.room -= std::min(policy.room / 2, kMiB);
  }
  return policy;
}

std::vector<SegmentUse> Engine::sealed_segments() const {
  const std::vector<ManifestSegment> entries = keeper_->segments();
  std::vector<SegmentUse> sealed;
  SharedGuard guard(state_->lock);
  for (const ManifestSegment& entry : entries) {
    if (entry.state != SegmentState::kSealed) continue;
    const auto found = state_->segments.find(static_cast<std::uint32_t>(entry.id));
    if (found == state_->segments.end()) continue;
    const Segment& segment = *found->second;
    if (segment.is_left_alone.load(std::memory_order_relaxed) ||
        segment.is_being_installed.load(std::memory_order_acquire)) {
      continue;
    }
    sealed.push_back({entry, segment.used_bytes.load(std::memory_order_relaxed),
                      segment.live_bytes.load(std::memory_order_relaxed),
                      segment.dead_at_birth_bytes.load(std::memory_order_relaxed)});
  }
  return sealed;
}

Result<std::uint64_t> Engine::compact_step(const std::vector<ManifestSegment>& inputs) {
  const std::int64_t started_ms = state_->clock.steady_ms();
  auto reclaimed = run_compaction(inputs);
  if (reclaimed) {
    state_->log.info("compaction: {} segments read, {} bytes reclaimed, {} ms", inputs.size(), *reclaimed,
                     state_->clock.steady_ms() - started_ms);
  }
  // What fails is tried again every second, and told when it begins to. Of a full disk each failure names another file.
  MutexLock lock(compactor_mutex_);
  const Status failure = reclaimed.status();
  const bool is_same = failure.code() == StatusCode::kDiskFull
                           ? compaction_failure_.code() == StatusCode::kDiskFull
                           : failure.message() == compaction_failure_.message();
  if (!failure && !is_same) state_->log.warn("compaction given up: {}", failure.message());
  compaction_failure_ = failure;
  if (!failure) compaction_failed_at_ = std::chrono::steady_clock::now();
  return reclaimed;
}

Result<std::uint64_t> Engine::run_compaction(const std::vector<ManifestSegment>& inputs) noexcept {
  try {
    Compaction compaction(
        *state_, *keeper_, *writer_, compaction_rate_, [this] { return compaction_haste(); }, closing_);
    return compaction.run(inputs);
  } catch (const std::bad_alloc&) {
    return out_of_memory("a compaction");
  }
}

// ---- by hand ----

Result<CompactionResult> Engine::compact() {
  {
    MutexLock lock(compactor_mutex_);
    while (manual_compaction_ && !closing_) compactor_wake_.wait(compactor_mutex_);
    if (closing_) return {StatusCode::kShutdown, "the store is closing"};
    manual_compaction_ = true;
    // The steps that are under way end; no new ones begin.
    while (!claimed_.empty()) compactor_wake_.wait(compactor_mutex_);
  }
  auto result = state_->options.single_threaded ? compact_or_say_why() : compact_on_thread();
  MutexLock lock(compactor_mutex_);
  manual_compaction_ = false;
  compaction_may_be_due_ = true;
  compactor_wake_.notify_all();
  return result;
}

// Not on the caller's thread, which could not become as important again as it was.
Result<CompactionResult> Engine::compact_on_thread() noexcept {
  Result<CompactionResult> result = out_of_memory("a thread for the compaction");
  HelperThreads thread;
  thread.add([this, &result] {
    lower_priority_of_this_thread();
    result = compact_or_say_why();
  });
  thread.join();
  return result;
}

Result<CompactionResult> Engine::compact_or_say_why() noexcept {
  try {
    return compact_everything();
  } catch (const std::bad_alloc&) {
    return out_of_memory("a compaction");
  }
}

Result<CompactionResult> Engine::compact_everything() {
  if (state_->health.is_read_only()) return state_->health.refusal();
  const std::int64_t started_ms = state_->clock.steady_ms();
  Status rotated;
  MINIKV_TRY(writer_->run_on_writer([&] { rotated = writer_->rotate(); }));
  // On a full disk there may be no segment to go on in: what is sealed already is compacted all the same.
  if (!rotated && rotated.code() != StatusCode::kDiskFull) return rotated;
  MINIKV_TRY(keeper_->wait_until_sealed());
  CompactionResult result;
  // What a step gives back is room for the next one, so each is planned when its time has come. What the steps have written
  // is not for them to read again.
  const std::uint64_t first_of_mine = keeper_->allocate_segment_id();
  for (int planned_anew = 0;;) {
    std::vector<SegmentUse> sealed = sealed_segments();
    std::erase_if(sealed, [&](const SegmentUse& segment) { return segment.entry.id >= first_of_mine; });
    const auto steps = plan_full(std::move(sealed), compaction_policy());
    if (steps.empty()) break;
    auto reclaimed = compact_step(steps.front());
    // Somebody took of the room that it was planned for, the next spare most likely: there is a smaller step.
    if (reclaimed.code() == StatusCode::kDiskFull && planned_anew++ < kMostPlans) continue;
    if (!reclaimed) return reclaimed.status();
    result.reclaimed_bytes += *reclaimed;
  }
  result.duration_ms = static_cast<std::uint64_t>(state_->clock.steady_ms() - started_ms);
  return result;
}

// ---- by itself ----

// One bounded step over segments that nobody else is at. False: there was nothing to do, or it failed; what fails is tried
// again after the next seal.
bool Engine::compact_if_due() {
  std::vector<ManifestSegment> inputs;
  {
    MutexLock lock(compactor_mutex_);
    if (closing_ || manual_compaction_ || state_->health.is_read_only()) return false;
    std::vector<SegmentUse> sealed = sealed_segments();
    std::erase_if(sealed, [this](const SegmentUse& segment) MINIKV_REQUIRES(compactor_mutex_) {
      return claimed_.contains(segment.entry.id);
    });
    if (sealed.empty()) return false;
    inputs = pick_for_background(sealed, compaction_policy());
    if (inputs.empty()) return false;
    claim(inputs);
    // What is left may be enough for another thread.
    compaction_may_be_due_ = true;
    compactor_wake_.notify_all();
  }
  const bool went_well = compact_step(inputs).is_ok();
  give_up_claims(inputs);
  return went_well;
}

void Engine::claim(const std::vector<ManifestSegment>& inputs) {
  try {
    for (const ManifestSegment& input : inputs) claimed_.insert(input.id);
  } catch (const std::bad_alloc&) {
    for (const ManifestSegment& input : inputs) claimed_.erase(input.id);
    throw;
  }
}

void Engine::give_up_claims(const std::vector<ManifestSegment>& inputs) {
  MutexLock lock(compactor_mutex_);
  for (const ManifestSegment& input : inputs) claimed_.erase(input.id);
  compactor_wake_.notify_all();
}

void Engine::start_background_compaction() {
  if (state_->options.single_threaded || state_->options.compaction_threshold == 0) return;
  writer_->slow_down_while([this] { return is_behind(); });
  for (std::uint32_t i = 0; i < state_->options.compaction_threads; ++i) {
    compactors_.emplace_back([this] { compact_in_background(); });
  }
}

void Engine::compact_in_background() {
  lower_priority_of_this_thread();
  for (;;) {
    {
      MutexLock lock(compactor_mutex_);
      // Segments become due by writing, which leads to seals; but also by what is overwritten before the next seal, and by
      // what expires.
      const auto look_again = std::chrono::steady_clock::now() + kLookAgain;
      while (!compaction_may_be_due_ && !closing_ && std::chrono::steady_clock::now() < look_again) {
        compactor_wake_.wait_until(compactor_mutex_, look_again);
      }
      // Each write that is refused on a full disk wakes it.
      while (compaction_failure_.code() == StatusCode::kDiskFull && !closing_ &&
             std::chrono::steady_clock::now() < compaction_failed_at_ + kLookAgain) {
        compactor_wake_.wait_until(compactor_mutex_, compaction_failed_at_ + kLookAgain);
      }
      if (closing_) return;
      compaction_may_be_due_ = false;
    }
    try {
      while (compact_if_due()) {
      }
    } catch (const std::bad_alloc&) {
      // It is looked at again in a second.
    }
  }
}

void Engine::wake_compactors() {
  MutexLock lock(compactor_mutex_);
  compaction_may_be_due_ = true;
  compactor_wake_.notify_all();
}

double Engine::backlog() const { return engine::backlog(sealed_segments(), state_->options.segment_size); }

// Whether there is much to give back, and somebody at it.
bool Engine::is_behind() {
  if (backlog() <= 1) return false;
  MutexLock lock(compactor_mutex_);
  return !claimed_.empty() && !closing_;
}

// Slow enough not to be noticed, as long as writers do not get ahead.
Haste Engine::compaction_haste() const {
  const bool is_pressed = backlog() > kPressedBacklog || keeper_->is_disk_tight();
  return is_pressed ? Haste::kSome : Haste::kNone;
}

void Engine::stop_background_compaction() {
  {
    MutexLock lock(compactor_mutex_);
    compactor_wake_.notify_all();
  }
  for (std::thread& compactor : compactors_) compactor.join();
  compactors_.clear();
  MutexLock lock(compactor_mutex_);
  while (manual_compaction_) compactor_wake_.wait(compactor_mutex_);
}

}  // namespace minikv::engine
