// A walk through a segment from front to back, even if it is damaged: every byte belongs to a frame header, a
// record or a gap.
#pragma once

#include <cstdint>

#include "engine/segment/segment_reader.h"

namespace minikv::engine {

// Receives what the walk finds, in order of offset. Views are valid until the call returns.
class WalkVisitor {
 public:
  virtual ~WalkVisitor() = default;
  // A frame header that checks out; its records come next. `frame.body` has all that were found.
  virtual void frame(std::uint64_t offset, const FrameAt& frame) = 0;
  // A record whose header checks out, be it in a frame or behind a damaged frame header. The whole value is
  // there, unless the segment ends within it.
  virtual void record(const RecordView& record, bool padding_is_zero) = 0;
  // Bytes that are none of these, from `begin` to before `end`.
  virtual void gap(std::uint64_t begin, std::uint64_t end) = 0;
};

// Walks from `begin`, where a frame should be, to the end of the reader.
Status walk_segment(SegmentReader& reader, const SegmentIdentity& identity, std::uint64_t begin,
                    WalkVisitor& visitor);

// Finds the records between `begin` and `end` one by one, where no frame header checks out: a record has a
// checksum of its own.
Status walk_records(SegmentReader& reader, const SegmentIdentity& identity, std::uint64_t begin,
                    std::uint64_t end, WalkVisitor& visitor);

}  // namespace minikv::engine
