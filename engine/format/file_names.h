// The names of a store's files.
#pragma once

#include <string>
#include <string_view>

#include "engine/format/segment_id.h"

namespace minikv::engine {

std::string segment_name(SegmentId id);  // "segment-00000001.dat"
std::string hint_name(SegmentId id);     // "segment-00000001.hint"
// The segment's id; kNoSegment if it is no such name, or has a number that no segment can have.
SegmentId parse_segment_name(std::string_view name);
SegmentId parse_hint_name(std::string_view name);

// The suffix of a file's name until the file is complete.
inline constexpr std::string_view kTemporarySuffix = ".tmp";
// Whether `name` is that of a segment, a hint or a manifest that was not finished.
bool is_temporary_name(std::string_view name);

}  // namespace minikv::engine
