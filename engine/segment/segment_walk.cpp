// A walk by frames, and by records where there are none.
#include "engine/segment/segment_walk.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace minikv::engine {
namespace {

bool is_all_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

// The bytes of the record are there up to `end`, which may be within the padding.
bool padding_is_zero(const RecordView& record, std::uint64_t end) {
  const std::uint64_t begin = record.offset + sizeof(RecordHeader) + record.key.size() + record.value.size();
  const std::uint64_t padded = std::min(record.offset + record.bytes(), end);
  return is_all_zero({record.value.data() + record.value.size(),
                      static_cast<std::size_t>(padded - std::min(begin, padded))});
}

// Spares computing a checksum at each of the many offsets where no record can begin. So the walk finds
// records with types or flags that this version does not know only in frames.
bool may_be_record(std::string_view bytes) {
  RecordHeader header;
  if (bytes.size() < sizeof(header)) return false;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header.type >= RecordType::kPut && header.type <= RecordType::kLost &&
         (header.flags & ~kKnownRecordFlags) == 0;
}

// Shows the records of a frame and the gaps before them. Returns the end of the last record.
std::uint64_t visit_records(const FrameAt& frame, std::uint64_t begin, std::uint64_t end,
                            WalkVisitor& visitor) {
  std::uint64_t at = begin;
  for (const RecordView& record : frame.body.records) {
    if (record.offset > at) visitor.gap(at, record.offset);
    visitor.record(record, padding_is_zero(record, end));
    at = record.offset + record.bytes();
  }
  return at;
}

}  // namespace

Status walk_records(SegmentReader& reader, const SegmentIdentity& identity, std::uint64_t begin,
                    std::uint64_t end, WalkVisitor& visitor) {
  std::uint64_t gap_begin = begin;
  for (std::uint64_t at = begin; at < end;) {
    MINIKV_ASSIGN_OR_RETURN(const auto head, reader.bytes(at, sizeof(RecordHeader)));
    std::optional<RecordView> record, cut;
    if (may_be_record(head)) {
      MINIKV_ASSIGN_OR_RETURN(const auto bytes, reader.bytes(at, end - at));
      record = parse_record(bytes, identity, at);
      if (!record && end == reader.size()) cut = parse_cut_record(bytes, identity, at);
    }
    if (cut) {
      if (gap_begin < at) visitor.gap(gap_begin, at);
      visitor.record(*cut, true);
      return {};
    }
    if (!record) {
      at += kAlignment;
      continue;
    }
    if (gap_begin < at) visitor.gap(gap_begin, at);
    visitor.record(*record, padding_is_zero(*record, end));
    at += record->bytes();
    gap_begin = std::min(at, end);
  }
  if (gap_begin < end) visitor.gap(gap_begin, end);
  return {};
}

Status walk_segment(SegmentReader& reader, const SegmentIdentity& identity, std::uint64_t begin,
                    WalkVisitor& visitor) {
  FrameCursor cursor(reader, identity, begin);
  while (!cursor.is_at_end()) {
    MINIKV_ASSIGN_OR_RETURN(const auto frame, cursor.read());
    if (frame.has_header()) {
      visitor.frame(cursor.offset(), frame);
      const std::uint64_t end = std::min(frame.end, reader.size());
      const std::uint64_t at = visit_records(frame, cursor.offset() + sizeof(FrameHeader), end, visitor);
      if (frame.end > end) {
        MINIKV_TRY(walk_records(reader, identity, at, end, visitor));
      } else if (at < end) {
        visitor.gap(at, end);
      }
      cursor.move_to(end);
      continue;
    }
    MINIKV_ASSIGN_OR_RETURN(const std::uint64_t end, cursor.find_next_header());
    MINIKV_TRY(walk_records(reader, identity, cursor.offset(), end, visitor));
    cursor.move_to(end);
  }
  return {};
}

}  // namespace minikv::engine
