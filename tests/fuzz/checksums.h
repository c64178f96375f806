// Checksums that are right although the bytes are made up: without them no fuzzer gets behind the first
// comparison.
#pragma once

#include <cstdint>
#include <string>

#include "engine/format/frame.h"

namespace minikv::fuzz {

// The lowest byte of a checksum that is to stay wrong, so that damage can be made up too.
inline constexpr std::uint8_t kLeaveAlone = 0xBD;

// Makes frames and records of `bytes`, which stand at `offset` of the segment: one frame behind the other,
// each full of records. Lengths that reach too far are cut, but not those of frames with an odd `term` and of
// records whose value's checksum is to be left alone; counts are put right, but in frames with an odd
// `commit_sequence`.
void fix_frames(std::string& bytes, const engine::SegmentIdentity& identity, std::uint64_t offset);

// Of the hint in `bytes`. Lengths that reach too far are cut, and counts put right, but for a header with an
// odd `reserved2`.
void fix_hint(std::string& bytes);

// Of the manifest copy that `bytes` begins with. A count of segments that does not fit is cut.
void fix_manifest(std::string& bytes);

}  // namespace minikv::fuzz
