// Opening the segments that a manifest names, and whether they are what it says.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/core/state.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"

namespace minikv::engine {

// Opens the segment of `entry`. `writable`: a segment of the log, which is mapped with room to grow.
// kRefused: the file is not this store's. A damaged header is only logged, since the manifest knows what it
// said.
Result<std::unique_ptr<Segment>> open_named_segment(StoreContext& context, const Manifest& manifest,
                                                    const ManifestSegment& entry, bool writable);

// The refusal of a file of `file_bytes`, which are fewer than the manifest says.
Status cut_short(const StoreContext& context, const ManifestSegment& entry, std::uint64_t file_bytes);

// Logs that such a file was accepted, and that nothing names what it has lost.
void tell_accepted_cut(const StoreContext& context, const ManifestSegment& entry, std::uint64_t file_bytes);

// Gives a segment that was read to the store, and allows its file to be closed. No other thread may look at
// the segments.
void add_to_store(SharedState& state, std::unique_ptr<Segment> segment);

}  // namespace minikv::engine
