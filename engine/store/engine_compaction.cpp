// When the engine compacts: by hand, and by itself.

#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

CompactionPolicy policy_of(const Options& options) {
  return {options.compaction_threshold, options.compaction_dead_ratio, options.segment_size};
}

}  // namespace

std::vector<SegmentUse> Engine::sealed_segments() const {
  const std::vector<ManifestSegment> entries = keeper_->segments();
  std::vector<SegmentUse> sealed;
  SharedGuard guard(state_->lock);
  for (const ManifestSegment& entry : entries) {
    if (entry.state != SegmentState::kSealed) continue;
    const auto found = state_->segments.find(static_cast<std::uint32_t>(entry.id));
    if (found == state_->segments.end()) continue;
    const Segment& segment = *found->second;
    sealed.push_back({entry, segment.used_bytes.load(std::memory_order_relaxed),
                      segment.live_bytes.load(std::memory_order_relaxed),
                      segment.dead_at_birth_bytes.load(std::memory_order_relaxed)});
  }
  return sealed;
}

Result<std::uint64_t> Engine::compact_step(const std::vector<ManifestSegment>& inputs) {
  const std::int64_t started_ms = state_->clock.steady_ms();
  Compaction compaction(*state_, *keeper_, *writer_, closing_);
  auto reclaimed = compaction.run(inputs);
  if (reclaimed) {
    state_->log.info("compaction: {} segments read, {} bytes reclaimed, {} ms", inputs.size(), *reclaimed,
                     state_->clock.steady_ms() - started_ms);
  } else {
    state_->log.warn("compaction given up: {}", reclaimed.status().message());
  }
  return reclaimed;
}

Result<CompactionResult> Engine::compact() {
  MutexLock one_at_a_time(compaction_mutex_);
  if (closing_) return {StatusCode::kShutdown, "the store is closing"};
  if (state_->health.is_read_only()) return state_->health.refusal();
  const std::int64_t started_ms = state_->clock.steady_ms();
  Status rotated;
  MINIKV_TRY(writer_->run_on_writer([&] { rotated = writer_->rotate(); }));
  MINIKV_TRY(std::move(rotated));
  MINIKV_TRY(keeper_->wait_until_sealed());
  CompactionResult result;
  const auto inputs = pick_for_full(sealed_segments(), policy_of(state_->options));
  if (!inputs.empty()) {
    auto reclaimed = compact_step(inputs);
    if (!reclaimed) return reclaimed.status();
    result.reclaimed_bytes = *reclaimed;
  }
  result.duration_ms = static_cast<std::uint64_t>(state_->clock.steady_ms() - started_ms);
  return result;
}

// The compactor thread. Segments become due only by writing, and writing leads to seals: so a seal is when to look.
void Engine::compact_in_background() {
  if (state_->options.compaction_threshold == 0) return;
  for (;;) {
    {
      MutexLock lock(compactor_mutex_);
      while (!compaction_may_be_due_ && !closing_) compactor_wake_.wait(compactor_mutex_);
      compaction_may_be_due_ = false;
    }
    // One bounded step at a time, so that compaction by hand gets its turn; what fails is tried again after the next
    // seal.
    for (bool went_well = true; went_well;) {
      MutexLock one_at_a_time(compaction_mutex_);
      if (closing_ || state_->health.is_read_only()) return;
      const auto inputs = pick_for_background(sealed_segments(), policy_of(state_->options));
      if (inputs.empty()) break;
      went_well = compact_step(inputs).is_ok();
    }
  }
}

void Engine::stop_background_compaction() {
  {
    MutexLock lock(compactor_mutex_);
    compactor_wake_.notify_all();
  }
  if (compactor_.joinable()) compactor_.join();
}

}  // namespace minikv::engine
