// Opening the segments that a manifest names, and whether they are what it says.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/core/state.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"

namespace minikv::engine {

// Opens the segment of `entry`. `writable`: one of the log, which is mapped with the room to grow. kRefused:
// the file is not this store's. A damaged header is only told of: the manifest knows what it said.
Result<std::unique_ptr<Segment>> open_named_segment(SharedState& state, const Manifest& manifest,
                                                    const ManifestSegment& entry, bool writable);

// Why a file of `file_bytes`, fewer than the manifest says, is refused.
Status cut_short(const SharedState& state, const ManifestSegment& entry, std::uint64_t file_bytes);

// Logs that such a file was accepted, and that nothing names what it has lost.
void tell_accepted_cut(const SharedState& state, const ManifestSegment& entry, std::uint64_t file_bytes);

// Settles the file of a segment that was read, and gives it to the store. No other thread may look at the
// segments.
void add_to_store(SharedState& state, std::unique_ptr<Segment> segment);

}  // namespace minikv::engine
