// docs/FORMAT.md shows a segment in hex. It is what this version writes.
#include <cctype>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/format/frame.h"
#include "minikv/transaction.h"

namespace minikv::engine {
namespace {

constexpr SegmentIdentity kExampleIdentity{SegmentId(1), 0x0123456789ABCDEF};
constexpr StoreId kStoreId = {0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
                              0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF};
constexpr std::int64_t kCreatedMs = 1'700'000'000'000;

void append_frame(std::string& segment, const NewRecord& record, std::int64_t time_ms,
                  std::uint64_t watermark) {
  FrameBuilder frame;
  frame.begin(kExampleIdentity, segment.size());
  frame.add(record);
  FrameHeader header{};
  header.first_sequence = record.sequence;
  header.engine_time_ms = time_ms;
  header.watermark = watermark;
  for (const std::string_view piece : frame.finish(header)) segment.append(piece);
}

// `set name Alice`, and a second later `delete name`.
std::string example_segment() {
  const SegmentHeader header = make_segment_header(kExampleIdentity, SegmentKind::kLog, kStoreId, kCreatedMs);
  std::string segment(reinterpret_cast<const char*>(&header), sizeof(header));
  append_frame(segment, {RecordType::kPut, "name", "Alice", value_checksum("Alice"), 1, 1, 0},
               kCreatedMs + 1000, 0);
  append_frame(segment, {RecordType::kDelete, "name", "", value_checksum(""), 2, 2, 0}, kCreatedMs + 2000, 1);
  return segment;
}

// Each line of the document's example is an offset, bytes, `|` and what they are.
std::string example_in_document() {
  std::ifstream file(MINIKV_SOURCE_DIR "/docs/FORMAT.md");
  std::string line;
  while (std::getline(file, line) && line != "<!-- example: begin -->") {
  }
  std::string bytes;
  while (std::getline(file, line) && line != "<!-- example: end -->") {
    const std::size_t bar = line.find('|');
    std::istringstream words(line.substr(0, bar));
    std::string word;
    if (bar == std::string::npos || !(words >> word)) continue;
    EXPECT_EQ(std::stoul(word, nullptr, 16), bytes.size()) << "the offset in: " << line;
    while (words >> word) bytes += static_cast<char>(std::stoi(word, nullptr, 16));
  }
  return bytes;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 8 == 0) text += fmt::format("\n{:04x} ", i);
    text += fmt::format(" {:02x}", static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

TEST(FormatDocumentTest, ItsExampleIsWhatIsWritten) {
  const std::string written = example_segment();
  EXPECT_EQ(hex(example_in_document()), hex(written));
}

TEST(FormatDocumentTest, ItsExampleReadsBack) {
  const std::string bytes = example_in_document();
  const std::string_view segment(bytes);
  std::string story;
  for (std::size_t offset = sizeof(SegmentHeader); offset < segment.size();) {
    const auto header = parse_frame_header(segment.substr(offset), kExampleIdentity, offset);
    ASSERT_TRUE(header) << "at offset " << offset;
    offset += sizeof(FrameHeader);
    const FrameBody body =
        parse_frame_body(segment.substr(offset, header->body_length), *header, kExampleIdentity, offset);
    ASSERT_TRUE(body.is_whole());
    for (const RecordView& record : body.records) {
      story += fmt::format("{}: {} {}={}; ", record.header.sequence, static_cast<int>(record.header.type),
                           record.key, record.value);
    }
    offset += header->body_length;
  }
  EXPECT_EQ(story, "1: 1 name=Alice; 2: 2 name=; ");
}

}  // namespace
}  // namespace minikv::engine
