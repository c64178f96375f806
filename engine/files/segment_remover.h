// Unlinks the segments that the manifest has dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/one_at_a_time.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/files/disk_space.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/store_manifest.h"

namespace minikv::engine {

// A segment comes into the graveyard when its last reader has let go of it, and then is unlinked. Its space
// is given back slowly afterwards. That takes a descriptor, so that only a few segments are unlinked at a
// time.
//
// Thread safety: the keeper's thread alone.
class SegmentRemover {
 public:
  SegmentRemover(StoreContext& context, KeeperMonitor& monitor, StoreManifest& manifest, DiskSpace& disk)
      : context_(context), monitor_(monitor), manifest_(manifest), disk_(disk) {}

  // Whether bury_some() would bury any.
  bool may_bury() const MINIKV_REQUIRES(keeper_mutex);
  // Unlinks the segments in the graveyard and has their space given back. bury() takes all of them.
  // bury_some() takes as many as may be given back at the same time, and all once the store is being closed.
  Status bury();
  Status bury_some() MINIKV_EXCLUDES(keeper_mutex);
  // At the start: unlinks the files that the durable manifest has dropped. The next commit records that they
  // are gone.
  Status sweep();
  // Removes the segment's file and its hint, as far as they are there.
  Status remove_files(SegmentId id);

 private:
  static constexpr std::size_t kMaxDying = 8;  // that give their space back at the same time

  Status bury(std::vector<std::unique_ptr<Segment>> dead);
  Status unlink_and_release(std::vector<std::unique_ptr<Segment>>& dead);

  StoreContext& context_;
  KeeperMonitor& monitor_;
  StoreManifest& manifest_;
  DiskSpace& disk_;
  OneAtATime calls_;
};

}  // namespace minikv::engine
