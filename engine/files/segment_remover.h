// Unlinks the segments that the manifest has dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/one_at_a_time.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/state.h"
#include "engine/files/disk_space.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/store_manifest.h"

namespace minikv::engine {

// A segment is unlinked when its last reader has let go of it, which puts it into the graveyard. Its space is
// given back slowly afterwards, for which it needs a descriptor: so only a few are unlinked at a time.
//
// Thread safety: the keeper's thread alone.
class SegmentRemover {
 public:
  SegmentRemover(SharedState& state, KeeperMonitor& monitor, StoreManifest& manifest, DiskSpace& disk)
      : state_(state), monitor_(monitor), manifest_(manifest), disk_(disk) {}

  // Whether bury_some() would bury any.
  bool may_bury() const MINIKV_REQUIRES(keeper_mutex);
  // Unlinks what is in the graveyard, and has the space given back: all of it, or as much as may be given
  // back at the same time, which once the store is being closed is all.
  Status bury();
  Status bury_some() MINIKV_EXCLUDES(keeper_mutex);
  // At the start: unlinks the files that the durable manifest has dropped. The next commit says that they are
  // gone.
  Status sweep();
  // The segment's file and its hint, as far as they are there.
  Status remove_files(std::uint64_t segment_id);

 private:
  static constexpr std::size_t kMostDying = 8;  // whose space is being given back, at the same time

  Status bury(std::vector<std::unique_ptr<Segment>> dead);
  Status unlink_and_release(std::vector<std::unique_ptr<Segment>>& dead);

  SharedState& state_;
  KeeperMonitor& monitor_;
  StoreManifest& manifest_;
  DiskSpace& disk_;
  OneAtATime calls_;
};

}  // namespace minikv::engine
