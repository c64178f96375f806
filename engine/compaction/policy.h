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
  // Bytes that were no live records when the segment was written: frame headers, and tombstones that may not
  // go yet. Another compaction might not get rid of them either.
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
  // The disk is full: a segment with few dead bytes is worth it, too.
  bool disk_is_tight = false;
  // Maximum number of bytes that a step may write.
  std::uint64_t room = std::numeric_limits<std::uint64_t>::max();
};

// The dead bytes of all segments, as a share of the amount that makes writers wait. That amount is the larger
// of eight segments and twice the live bytes.
double backlog(const std::vector<SegmentUse>& sealed, std::uint64_t segment_size);

// The inputs of the next bounded step of background compaction; empty if no segment is worth it.
std::vector<ManifestSegment> pick_for_background(const std::vector<SegmentUse>& sealed,
                                                 const CompactionPolicy& policy);

// The plan of a compaction by hand: all segments, in bounded steps to be taken in this order, oldest records
// first. So a tombstone comes after all older records of its key, and goes. The plan leaves out steps that
// would only copy compacted segments that are nearly all alive, and segments for which there is no room.
std::vector<std::vector<ManifestSegment>> plan_full(std::vector<SegmentUse> sealed,
                                                    const CompactionPolicy& policy);

}  // namespace minikv::engine
