// Which segments are worth compacting.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/format/layout.h"

namespace minikv::engine {

// A sealed segment and how much of it is of use.
struct SegmentUse {
  ManifestSegment entry{};
  std::uint64_t used_bytes = 0;
  std::uint64_t live_bytes = 0;
  // Bytes that were no live records when the segment was written and that another compaction might not get
  // rid of either: frame headers, tombstones that may not go yet.
  std::uint64_t dead_at_birth_bytes = 0;

  std::uint64_t dead_bytes() const {
    const std::uint64_t kept = live_bytes + dead_at_birth_bytes;
    return used_bytes > kept ? used_bytes - kept : 0;
  }
};

struct CompactionPolicy {
  std::uint32_t threshold = 3;     // sealed segments that must be there before anything is done
  double dead_ratio = 0.5;         // of one segment's bytes, or of all
  std::uint64_t segment_size = 0;  // output is written in segments of about this size
  // The disk is full: whatever gives something back is worth it.
  bool disk_is_tight = false;
  // What a step writes must fit into so many bytes.
  std::uint64_t room = std::numeric_limits<std::uint64_t>::max();
};

// What there is to give back, as a share of what makes writers wait: the larger of eight segments and twice
// what is alive.
double backlog(const std::vector<SegmentUse>& sealed, std::uint64_t segment_size);

// What background compaction should do next, as one bounded step: empty if nothing is worth it.
std::vector<ManifestSegment> pick_for_background(const std::vector<SegmentUse>& sealed,
                                                 const CompactionPolicy& policy);

// What compaction by hand should do: everything, in bounded steps to be taken in this order, oldest records
// first. So a tombstone comes after all that it could be needed against, and goes. Steps that would only copy
// compacted segments which are nearly all alive are left out, and so are segments for which there is no room.
std::vector<std::vector<ManifestSegment>> plan_full(std::vector<SegmentUse> sealed,
                                                    const CompactionPolicy& policy);

}  // namespace minikv::engine
