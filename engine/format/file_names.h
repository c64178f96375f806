// The names of a store's files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace minikv::engine {

std::string segment_name(std::uint64_t id);       // "segment-00000001.dat"
std::string hint_name(std::uint64_t segment_id);  // "segment-00000001.hint"
// The segment's id; 0 if it is no such name.
std::uint64_t parse_segment_name(std::string_view name);
std::uint64_t parse_hint_name(std::string_view name);

// The suffix of a file's name until the file is complete.
inline constexpr std::string_view kTemporarySuffix = ".tmp";
// Whether `name` is that of a segment, a hint or a manifest that was not finished.
bool is_temporary_name(std::string_view name);

}  // namespace minikv::engine
