// The syncs of the log that the writer does not do itself.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/one_at_a_time.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/log_segments.h"

namespace minikv::engine {

// With fsync: interval the keeper syncs the log an interval after something was written. Writes wait if that
// sync is not done after two intervals. Compaction has the log synced in all modes.
//
// Thread safety: all members may be called from any thread, but sync() and sync_if_due() by the keeper's
// alone.
class LogSyncer {
 public:
  LogSyncer(StoreContext& context, KeeperMonitor& monitor, const LogSegments& log)
      : context_(context), monitor_(monitor), log_(log) {}

  // ---- for the writer (fsync: interval) ----
  // Something was written that is not synced: a sync is due one interval from now.
  void note_unsynced() MINIKV_EXCLUDES(keeper_mutex);
  Status wait_while_late() MINIKV_EXCLUDES(keeper_mutex);
  // Whether wait_while_late() would wait.
  bool may_hold_up() const MINIKV_EXCLUDES(keeper_mutex);

  // ---- for compaction ----
  // Waits until everything up to `sequence` is durable, with a sync of its own if need be.
  Status make_durable(std::uint64_t sequence) MINIKV_EXCLUDES(keeper_mutex);

  // ---- for the keeper ----
  bool is_due() const MINIKV_REQUIRES(keeper_mutex);
  // When the interval ends, by the steady clock; nothing: no interval is running.
  std::optional<std::int64_t> interval_ends_at_ms() const MINIKV_REQUIRES(keeper_mutex);
  Status sync() MINIKV_EXCLUDES(keeper_mutex);
  // To be called in the midst of a long job: `interval` promises to lose no more than an interval and a sync
  // take.
  Status sync_if_due() MINIKV_EXCLUDES(keeper_mutex);

 private:
  bool is_late() const MINIKV_REQUIRES(keeper_mutex);

  StoreContext& context_;
  KeeperMonitor& monitor_;
  const LogSegments& log_;
  OneAtATime syncs_;
  std::int64_t unsynced_since_ms_ MINIKV_GUARDED_BY(keeper_mutex) = -1;  // writes for the next sync; -1: none
  std::int64_t syncing_since_ms_ MINIKV_GUARDED_BY(keeper_mutex) = -1;   // writes of the running one
  bool is_wanted_ MINIKV_GUARDED_BY(keeper_mutex) = false;
};

}  // namespace minikv::engine
