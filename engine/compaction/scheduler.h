// When compaction runs: by hand, and by itself.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/commit/writer.h"
#include "engine/compaction/policy.h"
#include "engine/compaction/rate_limit.h"
#include "engine/core/paced_file.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"
#include "minikv/store.h"

namespace minikv::engine {

// The scheduler's threads compact what the policy finds worth it, one bounded step each. A running step
// claims its inputs, so that the threads take disjoint sets. A compaction by hand takes all segments: it
// waits for the running steps, and keeps the threads from beginning others.
//
// Thread safety: all members may be called from any thread, but start() once and by one thread.
class CompactionScheduler {
 public:
  // All must outlive it.
  CompactionScheduler(SharedState& state, Keeper& keeper, Writer& writer)
      : state_(state), keeper_(keeper), writer_(writer), rate_(state.options.compaction_rate_limit) {}
  ~CompactionScheduler() { stop(); }
  CompactionScheduler(const CompactionScheduler&) = delete;
  CompactionScheduler& operator=(const CompactionScheduler&) = delete;

  // Whether there are threads: not in single-threaded mode, nor if background compaction is turned off.
  bool has_threads() const {
    return !state_.options.single_threaded && state_.options.compaction_threshold != 0;
  }
  // Starts the threads, if there are any.
  void start();
  // Cancels the running steps and waits for their end. May be called more than once.
  void stop() MINIKV_EXCLUDES(mutex_);

  // Store::compact(). kShutdown after stop().
  Result<CompactionResult> compact_all() MINIKV_EXCLUDES(mutex_);

  // Wakes the threads, since a step may be due: a segment was sealed, or room is needed.
  void wake() MINIKV_EXCLUDES(mutex_);
  // Whether there is much to give back, and a running step gives back some of it.
  bool is_behind() MINIKV_EXCLUDES(mutex_);
  // For single-threaded mode: does now what the threads would do.
  void run_if_due() noexcept MINIKV_EXCLUDES(mutex_);

 private:
  CompactionPolicy policy() const;
  std::vector<SegmentUse> sealed_segments() const;
  double backlog() const;
  Urgency urgency() const;

  Result<std::uint64_t> run_step(const std::vector<ManifestSegment>& inputs) MINIKV_EXCLUDES(mutex_);
  Result<std::uint64_t> run_compaction(const std::vector<ManifestSegment>& inputs) noexcept;
  void note_outcome(const Status& outcome) MINIKV_EXCLUDES(mutex_);

  Result<CompactionResult> compact_all_on_thread() noexcept;
  Result<CompactionResult> compact_all_or_say_why() noexcept;
  Result<CompactionResult> compact_all_in_steps();

  void run() MINIKV_EXCLUDES(mutex_);
  void wait_until_due() MINIKV_REQUIRES(mutex_);
  bool run_due_step() MINIKV_EXCLUDES(mutex_);
  void claim(const std::vector<ManifestSegment>& inputs) MINIKV_REQUIRES(mutex_);
  void release(const std::vector<ManifestSegment>& inputs) MINIKV_EXCLUDES(mutex_);

  SharedState& state_;
  Keeper& keeper_;
  Writer& writer_;
  RateLimit rate_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  CondVar changed_;
  bool may_be_due_ MINIKV_GUARDED_BY(mutex_) = true;
  bool is_manual_ MINIKV_GUARDED_BY(mutex_) = false;  // a compaction by hand is under way
  std::set<SegmentId> claimed_ MINIKV_GUARDED_BY(mutex_);
  Status failure_ MINIKV_GUARDED_BY(mutex_);  // of the last step, which was logged; kOk: it has succeeded
  std::chrono::steady_clock::time_point failed_at_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::engine
