// Frames and records of arbitrary bytes: reading them ends, reads nothing that is not there, and finds the
// same whichever way it is asked. The first byte of the input says whether checksums are put right, and where
// the bytes stand.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/segment/segment_reader.h"
#include "minikv/options.h"
#include "tests/fuzz/checksums.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/target.h"

namespace minikv::fuzz {
namespace {

using engine::FrameAt;
using engine::SegmentReader;

constexpr engine::SegmentIdentity kIdentity{engine::SegmentId(7), 0x5A17'0000'1234'5678};
// A reader's window: bytes that stand around its end are read in two pieces.
constexpr std::size_t kWindowBytes = static_cast<std::size_t>(kMiB);

bool lies_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_body(const FrameAt& frame, std::string_view body, std::uint64_t body_offset) {
  std::uint64_t behind = body_offset;
  for (const engine::RecordView& record : frame.body.records) {
    require(record.offset >= behind);
    behind = record.offset + record.bytes();
    require(lies_within(record.key, body) && lies_within(record.value, body));
    const auto again = engine::parse_record(
        body.substr(static_cast<std::size_t>(record.offset - body_offset)), kIdentity, record.offset);
    require(again && again->key == record.key && again->value == record.value &&
            again->value_intact == record.value_intact);
  }
  if (frame.kind == FrameAt::Kind::kWhole) require(frame.body.records.size() == frame.header.record_count);
}

// What a reader finds, from frame to frame, as recovery goes.
std::vector<std::uint64_t> walk(const engine::File& file, std::uint64_t begin, std::uint64_t size,
                                bool primed) {
  SegmentReader reader(file, size);
  // With its window where a scan of the whole segment has it, or with one that begins at the first frame.
  if (primed) require(reader.bytes(sizeof(engine::SegmentHeader), 1).is_ok());
  std::vector<std::uint64_t> found;
  for (std::uint64_t offset = begin; offset < size;) {
    const auto frame = engine::read_frame(reader, kIdentity, offset);
    require(frame.is_ok());
    if (frame->kind == FrameAt::Kind::kNone) {
      offset += engine::kAlignment;
      continue;
    }
    require(frame->end > offset);
    const std::uint64_t body_offset = offset + sizeof(engine::FrameHeader);
    const auto body = reader.bytes(body_offset, frame->header.body_length);
    require(body.is_ok());
    check_body(*frame, *body, body_offset);
    found.insert(found.end(), {offset, static_cast<std::uint64_t>(frame->kind), frame->body.records.size()});
    offset = frame->end;
  }
  return found;
}

// `bytes` stand at `base`, with zeros before them.
void search(const engine::File& file, std::string_view bytes, std::uint64_t base, std::uint64_t from,
            bool primed) {
  SegmentReader reader(file, base + bytes.size());
  if (primed) require(reader.bytes(sizeof(engine::SegmentHeader), 1).is_ok());
  std::optional<std::uint64_t> expected;
  for (std::uint64_t at = engine::align_up(from); at < base + bytes.size() && !expected;
       at += engine::kAlignment) {
    if (engine::parse_frame_header(bytes.substr(static_cast<std::size_t>(at - base)), kIdentity, at))
      expected = at;
  }
  const auto any = [](const engine::FrameHeader&) { return true; };
  const auto found = engine::find_frame(reader, kIdentity, from, any);
  require(found.is_ok() && *found == expected);
  const auto end = engine::end_of_data(reader, from);
  const auto last = bytes.find_last_not_of('\0');
  const std::uint64_t data_end = last == std::string_view::npos ? 0 : base + last + 1;
  require(end.is_ok() && *end == std::max(from, data_end));
}

}  // namespace

const std::size_t kChoices = 1;

void try_input(Input input) {
  const unsigned mode = input.choices[0];
  std::string& bytes = input.bytes;
  // Rarely, for it costs much: with a window's end in the middle.
  const bool straddles = mode == 0xFF;
  const std::size_t lead = bytes.size() / 2 & ~std::size_t{7};
  const std::size_t begin =
      straddles ? sizeof(engine::SegmentHeader) + kWindowBytes - lead : sizeof(engine::SegmentHeader);
  if ((mode & 1) != 0) fix_frames(bytes, kIdentity, begin);
  const std::uint64_t size_of_file = begin + bytes.size();
  const MemoryFile file(begin, bytes);
  const auto found = walk(file, begin, size_of_file, true);
  if (straddles) require(walk(file, begin, size_of_file, false) == found);
  search(file, bytes, begin, begin, straddles);
  search(file, bytes, begin, begin + mode % 64, false);
}

}  // namespace minikv::fuzz
