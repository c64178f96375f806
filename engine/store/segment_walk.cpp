#include "engine/store/segment_walk.h"

#include <algorithm>
#include <cstring>

namespace minikv::engine {
namespace {

bool is_all_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

// `end`: of the bytes that are there, which may be within the padding.
bool padding_is_zero(const RecordView& record, std::uint64_t end) {
  const std::uint64_t begin = record.offset + sizeof(RecordHeader) + record.key.size() + record.value.size();
  const std::uint64_t padded = std::min(record.offset + record.bytes(), end);
  return is_all_zero({record.value.data() + record.value.size(),
                      static_cast<std::size_t>(padded - std::min(begin, padded))});
}

// Spares computing a checksum at each of the many places where no record can begin. Types and flags that this version
// does not know are looked for only where a frame says that there are records.
bool may_be_record(std::string_view bytes) {
  RecordHeader header;
  if (bytes.size() < sizeof(header)) return false;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header.type >= RecordType::kPut && header.type <= RecordType::kLost &&
         (header.flags & ~kKnownRecordFlags) == 0;
}

// Returns the end of the last one.
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
    auto head = reader.bytes(at, sizeof(RecordHeader));
    if (!head) return head.status();
    std::optional<RecordView> record, cut;
    if (may_be_record(*head)) {
      auto bytes = reader.bytes(at, end - at);
      if (!bytes) return bytes.status();
      record = parse_record(*bytes, identity, at);
      if (!record && end == reader.size()) cut = parse_cut_record(*bytes, identity, at);
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
  for (std::uint64_t offset = begin; offset < reader.size();) {
    auto frame = read_frame(reader, identity, offset);
    if (!frame) return frame.status();
    if (frame->kind == FrameAt::Kind::kWhole || frame->kind == FrameAt::Kind::kDamaged) {
      visitor.frame(offset, *frame);
      const std::uint64_t end = std::min(frame->end, reader.size());
      const std::uint64_t at = visit_records(*frame, offset + sizeof(FrameHeader), end, visitor);
      if (frame->end > end) {
        MINIKV_TRY(walk_records(reader, identity, at, end, visitor));
      } else if (at < end) {
        visitor.gap(at, end);
      }
      offset = end;
      continue;
    }
    auto next = find_frame(reader, identity, offset + kAlignment, [](const FrameHeader&) { return true; });
    if (!next) return next.status();
    const std::uint64_t end = *next ? **next : reader.size();
    MINIKV_TRY(walk_records(reader, identity, offset, end, visitor));
    offset = end;
  }
  return {};
}

}  // namespace minikv::engine
