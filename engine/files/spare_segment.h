// The spare: the segment that is ready before the log needs it, and the reserve of a full disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/one_at_a_time.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/core/full_disk.h"
#include "engine/files/disk_space.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/log_segments.h"
#include "engine/files/segment_remover.h"
#include "engine/files/spare_maker.h"
#include "engine/files/store_manifest.h"

namespace minikv::engine {

// The keeper writes a spare full of zeros, syncs it, names it in the manifest and opens it. Then the writer
// may take it. The last spare that there is room for is the reserve: the writer gives it to deletes alone, or
// compaction works in its room.
//
// Thread safety: all members may be called from any thread, but take(), wait_and_take() and take_reserve() by
// the writer alone, and those for the keeper by its thread alone.
class SpareSegment {
 public:
  // `is_urgent`: whether the keeper's next job, or the log, waits for the spare that is being made.
  SpareSegment(StoreContext& context, KeeperMonitor& monitor, StoreManifest& manifest, const LogSegments& log,
               DiskSpace& disk, SegmentRemover& remover, LogSyncer& syncer, std::function<bool()> is_urgent);

  // ---- for the writer ----
  bool is_ready() const MINIKV_EXCLUDES(keeper_mutex);
  // Null: no spare is ready. kDiskFull: a spare is ready, but there is no room for another, so that it is the
  // reserve.
  Result<std::shared_ptr<Segment>> take() MINIKV_EXCLUDES(keeper_mutex);
  // As take(), but waits; kDiskFull or kIoError if there will be no spare.
  Result<std::shared_ptr<Segment>> wait_and_take() MINIKV_EXCLUDES(keeper_mutex);
  Status wait_until_ready() MINIKV_EXCLUDES(keeper_mutex);
  // The spare on a full disk, for groups that only delete. reserve() shows it, and take_reserve() takes it
  // for good. Null: there is none, or none any more.
  std::shared_ptr<Segment> reserve() const MINIKV_EXCLUDES(keeper_mutex);
  std::shared_ptr<Segment> take_reserve() MINIKV_EXCLUDES(keeper_mutex);

  // The free room, and the room kept for deletes and compaction: the spare, or what the log has left.
  DiskRoom room() const MINIKV_EXCLUDES(keeper_mutex);

  // ---- for compaction ----
  // Gives the room of the spare back to the file system, and makes no other spare until allow(). The caller
  // has to call allow() once for each call of release(), also if that has failed.
  Status release() MINIKV_EXCLUDES(keeper_mutex);
  void allow() MINIKV_EXCLUDES(keeper_mutex);

  // ---- for the keeper ----
  // For the log of a store that is being opened, once: makes a spare and takes it. On a full disk the spare
  // may be small, and hints are given up for it; null: there is no room for that either. `full`: why it is
  // not a whole one.
  Result<std::shared_ptr<Segment>> make_first(Status& full) MINIKV_EXCLUDES(keeper_mutex);
  // Has a spare made.
  void want() MINIKV_REQUIRES(keeper_mutex) { is_wanted_ = true; }
  // The same, unless there is a spare.
  void want_if_none() MINIKV_REQUIRES(keeper_mutex) { is_wanted_ |= segment_ == nullptr; }
  // Whether a spare should be made now.
  bool is_due() const MINIKV_REQUIRES(keeper_mutex);
  // When a spare should be made, by the steady clock; nothing: none is wanted.
  std::optional<std::int64_t> due_at_ms() const MINIKV_REQUIRES(keeper_mutex);
  // Whether the spare is to be dropped, for which compaction waits.
  bool is_unwanted() const MINIKV_REQUIRES(keeper_mutex) { return is_unwanted_; }
  // Makes a spare and opens it. If that fails, the writer goes on without a spare, and the keeper tries
  // again.
  Status prepare() MINIKV_EXCLUDES(keeper_mutex);
  Status drop() MINIKV_EXCLUDES(keeper_mutex);
  // Gives up a wanted spare for the present: a waiting writer is refused with `why`. The keeper tries again
  // at `retry_ms`, by the steady clock.
  void give_up(const Status& why, std::int64_t retry_ms) MINIKV_REQUIRES(keeper_mutex);

 private:
  Status prepare_small(bool may_drop_hints) MINIKV_EXCLUDES(keeper_mutex);
  Status open() MINIKV_EXCLUDES(keeper_mutex);
  void go_without(const Status& why) MINIKV_EXCLUDES(keeper_mutex);
  Status compaction_has_the_room() const;

  StoreContext& context_;
  KeeperMonitor& monitor_;
  StoreManifest& manifest_;
  const LogSegments& log_;
  DiskSpace& disk_;
  SegmentRemover& remover_;
  SpareMaker maker_;
  OneAtATime writers_calls_, keepers_calls_;

  std::shared_ptr<Segment> segment_ MINIKV_GUARDED_BY(keeper_mutex);
  bool is_wanted_ MINIKV_GUARDED_BY(keeper_mutex) = true;
  bool is_unwanted_ MINIKV_GUARDED_BY(keeper_mutex) = false;  // compaction needs the room now
  int holds_ MINIKV_GUARDED_BY(keeper_mutex) = 0;             // compactions that work in its room
  Status failure_ MINIKV_GUARDED_BY(keeper_mutex);            // why there is none
  std::string failure_told_ MINIKV_GUARDED_BY(keeper_mutex);
  std::int64_t retry_ms_ MINIKV_GUARDED_BY(keeper_mutex) = 0;
};

}  // namespace minikv::engine
