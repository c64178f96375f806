// Closes the segments that the manifest has dropped, and unlinks their files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "engine/base/one_at_a_time.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/files/disk_space.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/store_manifest.h"

namespace minikv::engine {

// A segment comes into the graveyard when its last reader has let go of it, and then is closed. Its file is
// recycled (see DroppedFiles), or it is unlinked and its space is given back slowly. That takes a descriptor,
// so that only a few files are unlinked at a time.
//
// Thread safety: the keeper's thread alone.
class SegmentRemover {
 public:
  SegmentRemover(StoreContext& context, KeeperMonitor& monitor, StoreManifest& manifest, DiskSpace& disk)
      : context_(context), monitor_(monitor), manifest_(manifest), disk_(disk) {}

  // Closes the segments in the graveyard.
  Status bury();
  // Unlinks up to `most` files of dropped segments, and has their space given back: those that are not worth
  // keeping or, if `all`, any.
  Status unlink_dropped(bool all, std::size_t most);
  Status unlink_all_dropped() { return unlink_dropped(true, std::numeric_limits<std::size_t>::max()); }
  // At the start: unlinks the files that the durable manifest has dropped. The next commit records that they
  // are gone.
  Status sweep();
  // Removes the segment's file and its hint, as far as they are there.
  Status remove_files(SegmentId id);

 private:
  void close(std::vector<std::unique_ptr<Segment>>& dead);
  std::unique_ptr<Segment> unlink(const ManifestSegment& entry, Status& done);
  Status remove_file(const std::string& path);

  StoreContext& context_;
  KeeperMonitor& monitor_;
  StoreManifest& manifest_;
  DiskSpace& disk_;
  OneAtATime calls_;
};

}  // namespace minikv::engine
