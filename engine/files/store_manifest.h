// The manifest of the running store: as it was last committed, and the commits.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/one_at_a_time.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/files/keeper_monitor.h"
#include "engine/format/manifest.h"

namespace minikv::engine {

// The keeper takes a copy(), changes it and hands it to commit(), so that other threads always read the
// durable state.
//
// Thread safety: all members may be called from any thread, but commit(), lacked_room(), assume() and
// forget_dropped() by the keeper's alone.
class StoreManifest {
 public:
  StoreManifest(StoreContext& context, KeeperMonitor& monitor, Manifest manifest, ManifestFile file);

  const StoreId& store_id() const { return store_id_; }
  // An id that no segment has had.
  SegmentId allocate_segment_id() MINIKV_EXCLUDES(keeper_mutex);
  // The identity of a new segment: such an id, and a random salt.
  SegmentIdentity make_segment_identity() MINIKV_EXCLUDES(keeper_mutex);

  Manifest copy() const MINIKV_EXCLUDES(keeper_mutex);
  std::vector<ManifestSegment> segments() const MINIKV_EXCLUDES(keeper_mutex);
  LeadRecord lead() const MINIKV_EXCLUDES(keeper_mutex);
  // The bytes that the files of the segments take, at most `most`.
  std::uint64_t segment_bytes(std::uint64_t most) const MINIKV_EXCLUDES(keeper_mutex);
  // Null: there is no such segment. The entry is valid as long as the mutex is held.
  const ManifestSegment* find(SegmentId id) const MINIKV_REQUIRES(keeper_mutex) { return manifest_.find(id); }

  // Makes `next` durable, with the time and the ids that have been given. On an error other threads go on
  // reading the state before.
  Status commit(Manifest& next) MINIKV_EXCLUDES(keeper_mutex);
  // Whether the last commit() has found no room for a longer manifest (kDiskFull): then the one before
  // counts, and the store may go on with it.
  bool lacked_room() const { return file_.lacked_room(); }
  // For where there was no room to commit `next`: it counts, and becomes durable with the next commit.
  void assume(Manifest next) MINIKV_EXCLUDES(keeper_mutex);
  // Takes out the segments that have been dropped and are unlinked: all, or one. The next commit makes that
  // durable.
  void forget_dropped() MINIKV_EXCLUDES(keeper_mutex);
  void forget_dropped(SegmentId id) MINIKV_EXCLUDES(keeper_mutex);

 private:
  StoreContext& context_;
  KeeperMonitor& monitor_;
  const StoreId store_id_;
  ManifestFile file_;
  OneAtATime commits_;
  bool is_recycling_told_ = false;
  Manifest manifest_ MINIKV_GUARDED_BY(keeper_mutex);
  SegmentId next_segment_id_ MINIKV_GUARDED_BY(keeper_mutex);
};

}  // namespace minikv::engine
