// How much of a segment can be read, and a number for what can't.
#pragma once

#include <cstdint>

#include "engine/format/frame.h"
#include "engine/io/file_system.h"

namespace minikv::engine {

struct Survey {
  std::uint64_t end = sizeof(SegmentHeader);  // of the last whole frame, or of a record behind it
  std::uint64_t min_seq = 0, max_seq = 0;     // of the records; 0 and 0: there are none
  // Stands for the stretches that can't be read and don't say which keys they concern, so that a start can
  // tell new ones from those that were accepted (ManifestSegment::accepted_loss). 0: there are none.
  std::uint32_t loss = 0;
};

// Surveys the first `bytes` of a segment's file, which has as many.
Result<Survey> survey_segment(const File& file, const SegmentIdentity& identity, std::uint64_t bytes);

// Survey::loss of a sound segment of `size` bytes that was cut to `file_bytes`, and that has a hint with the
// keys of the rest.
std::uint32_t loss_of_cut(std::uint64_t file_bytes, std::uint64_t size);

}  // namespace minikv::engine
