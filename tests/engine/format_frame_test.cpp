// Frames and records: what goes in comes out, and what was changed, cut or moved is never taken for what it
// was.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/format/crc32c.h"
#include "engine/format/frame.h"
#include "engine/segment/segment_reader.h"
#include "minikv/transaction.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

constexpr SegmentIdentity kIdentity{SegmentId(7), 0xCAFEF00D};
constexpr std::uint64_t kOffset = 4096;

struct Row {
  const char* what;
  RecordType type;
  std::string key;
  std::string value;
  std::uint64_t sequence;
  std::uint64_t version;
  std::int64_t expiry_ms;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"a put", RecordType::kPut, "name", "Alice", 1, 1, 0},
      {"a put that expires", RecordType::kPut, "session", "x", 2, 2, 1'700'000'000'000},
      {"an empty key", RecordType::kPut, "", "v", 3, 3, 0},
      {"an empty value", RecordType::kPut, "k", "", 4, 4, 0},
      {"neither key nor value", RecordType::kPut, "", "", 5, 5, 0},
      {"any bytes", RecordType::kPut, std::string("\0\r\n\xff", 4), std::string("\xff\0\0", 3), 6, 6, 0},
      {"the longest key", RecordType::kPut, std::string(65'535, 'k'), "v", 7, 7, 0},
      {"no padding needed", RecordType::kPut, "12345678", "12345678", 8, 8, 0},
      {"a value that is referred to", RecordType::kPut, "large", std::string(200'001, 'L'), 9, 9, 0},
      {"one right behind it", RecordType::kPut, "behind", "b", 10, 10, 0},
      {"a delete", RecordType::kDelete, "name", "", 11, 11, 0},
      {"an expire", RecordType::kExpire, "session", "", 12, 2, 1'700'000'009'999},
      {"a lost", RecordType::kLost, "gone", std::string(1, '\1'), 13, 3, 0},
      {"the largest numbers", RecordType::kPut, "max", "v", std::numeric_limits<std::uint64_t>::max(),
       std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::int64_t>::max()},
  };
  return table;
}

// A frame under construction, and its bytes.
class Frame {
 public:
  explicit Frame(std::uint64_t offset = kOffset) : offset_(offset) { builder_.begin(kIdentity, offset); }

  Frame& put(std::string_view key, std::string_view value) {
    const std::uint64_t sequence = builder_.record_count() + 1;
    builder_.add({RecordType::kPut, key, value, value_checksum(value), sequence, sequence, 0});
    return *this;
  }
  Frame& row(const Row& row) {
    builder_.add(
        {row.type, row.key, row.value, value_checksum(row.value), row.sequence, row.version, row.expiry_ms});
    return *this;
  }
  std::string bytes() {
    FrameHeader header{};
    header.first_sequence = 1;
    header.engine_time_ms = 1234;
    header.watermark = 5;
    std::string all;
    for (const std::string_view piece : builder_.finish(header)) all.append(piece);
    EXPECT_EQ(all.size(), builder_.bytes());
    return all;
  }
  FrameBuilder& builder() { return builder_; }
  std::uint64_t offset() const { return offset_; }

 private:
  std::uint64_t offset_;
  FrameBuilder builder_;
};

bool is_whole(std::string_view bytes, const SegmentIdentity& identity = kIdentity,
              std::uint64_t offset = kOffset) {
  const auto header = parse_frame_header(bytes, identity, offset);
  if (!header || bytes.size() - sizeof(FrameHeader) < header->body_length) return false;
  return parse_frame_body(bytes.substr(sizeof(FrameHeader), header->body_length), *header, identity,
                          offset + sizeof(FrameHeader))
      .is_whole();
}

// Exactly as large as it looks, so that AddressSanitizer sees a read behind its end.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : bytes_(new char[bytes.size()]), size_(bytes.size()) {
    if (size_ > 0) std::memcpy(bytes_.get(), bytes.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

TEST(Crc32cTest, IsTheStandardsOne) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(FrameTest, GivesBackEachKindOfRecordAsItWentIn) {
  Frame frame;
  for (const Row& row : rows()) frame.row(row);
  const std::string bytes = frame.bytes();
  ASSERT_EQ(bytes.size() % kAlignment, 0u);

  const auto header = parse_frame_header(bytes, kIdentity, kOffset);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->record_count, rows().size());
  EXPECT_EQ(header->first_sequence, 1u);
  EXPECT_EQ(header->engine_time_ms, 1234);
  EXPECT_EQ(header->watermark, 5u);
  EXPECT_EQ(header->body_length, bytes.size() - sizeof(FrameHeader));

  const FrameBody body = parse_frame_body(std::string_view(bytes).substr(sizeof(FrameHeader)), *header,
                                          kIdentity, kOffset + sizeof(FrameHeader));
  ASSERT_TRUE(body.is_whole());
  ASSERT_EQ(body.records.size(), rows().size());
  for (std::size_t i = 0; i < rows().size(); ++i) {
    const Row& row = rows()[i];
    const RecordView& record = body.records[i];
    SCOPED_TRACE(row.what);
    EXPECT_EQ(record.header.type, row.type);
    EXPECT_TRUE(record.key == row.key && record.value == row.value);
    EXPECT_EQ(record.header.sequence, row.sequence);
    EXPECT_EQ(record.header.version, row.version);
    EXPECT_EQ(record.header.expiry_ms, row.expiry_ms);
    EXPECT_EQ(record.offset % kAlignment, 0u);
  }
}

TEST(FrameTest, ARecordIsFoundWhereTheBuilderSaidItWouldStand) {
  Frame frame;
  std::vector<std::uint64_t> offsets;
  for (const Row& row : rows()) {
    offsets.push_back(frame.builder().add(
        {row.type, row.key, row.value, value_checksum(row.value), row.sequence, row.version, row.expiry_ms}));
  }
  const std::string bytes = frame.bytes();
  for (std::size_t i = 0; i < rows().size(); ++i) {
    const auto record =
        parse_record(std::string_view(bytes).substr(offsets[i] - kOffset), kIdentity, offsets[i]);
    ASSERT_TRUE(record) << rows()[i].what;
    EXPECT_TRUE(record->key == rows()[i].key) << rows()[i].what;
  }
}

TEST(FrameTest, AnEmptyOneIsWhole) {
  EXPECT_EQ(Frame().bytes().size(), sizeof(FrameHeader));
  EXPECT_TRUE(is_whole(Frame().bytes()));
}

TEST(FrameTest, TheBordersOfABatchAreInTheFlags) {
  Frame frame;
  frame.put("alone", "1");
  const std::size_t first = frame.builder().record_count();
  frame.put("a", "1").put("b", "2").put("c", "3");
  frame.builder().join_batch(first);
  const std::string bytes = frame.bytes();
  const auto header = parse_frame_header(bytes, kIdentity, kOffset);
  ASSERT_TRUE(header);
  const FrameBody body = parse_frame_body(std::string_view(bytes).substr(sizeof(FrameHeader)), *header,
                                          kIdentity, kOffset + sizeof(FrameHeader));
  std::string flags;
  for (const RecordView& record : body.records) {
    flags += (record.header.flags & kFlagBatchContinues) != 0 ? "continues " : "ends ";
  }
  EXPECT_EQ(flags, "ends continues continues ends ");
}

TEST(FrameTest, EverySingleBitFlipIsNoticed) {
  Frame frame;
  frame.put("name", "Alice").put("k", "").put("12345678", "12345678");
  const std::string good = frame.bytes();
  ASSERT_TRUE(is_whole(good));
  // Padding has no meaning and no checksum: 7 bytes behind the first record, 7 behind the second, none behind
  // the third.
  const std::size_t second = sizeof(FrameHeader) + 56, third = second + 48;
  const auto is_padding = [&](std::size_t at) {
    return (at >= second - 7 && at < second) || (at >= third - 7 && at < third);
  };
  std::string bad = good;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1 << (bit % 8));
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ mask);
    EXPECT_EQ(is_whole(bad), is_padding(bit / 8)) << "bit " << bit % 8 << " of byte " << bit / 8;
    bad[bit / 8] = good[bit / 8];
  }
}

TEST(FrameTest, ADamagedValueLeavesItsRecordANameAndTheOthersAlone) {
  Frame frame;
  frame.put("a", "1111").put("b", "2222").put("c", "3333");
  std::string bytes = frame.bytes();
  bytes[bytes.find("2222")] = 'x';
  const auto header = parse_frame_header(bytes, kIdentity, kOffset);
  ASSERT_TRUE(header);
  const FrameBody body = parse_frame_body(std::string_view(bytes).substr(sizeof(FrameHeader)), *header,
                                          kIdentity, kOffset + sizeof(FrameHeader));
  EXPECT_TRUE(body.names_all);
  EXPECT_FALSE(body.values_intact);
  ASSERT_EQ(body.records.size(), 3u);
  EXPECT_TRUE(body.records[0].value_intact);
  EXPECT_FALSE(body.records[1].value_intact);
  EXPECT_EQ(body.records[1].key, "b");
  EXPECT_TRUE(body.records[2].value_intact);
}

TEST(FrameTest, RecordsBehindADamagedRecordHeaderAreFound) {
  Frame frame;
  frame.put("a", "1111").put("b", "2222").put("c", "3333");
  std::string bytes = frame.bytes();
  bytes[bytes.find("b2222")] = 'x';  // the key is under the header's checksum
  const auto header = parse_frame_header(bytes, kIdentity, kOffset);
  ASSERT_TRUE(header);
  const FrameBody body = parse_frame_body(std::string_view(bytes).substr(sizeof(FrameHeader)), *header,
                                          kIdentity, kOffset + sizeof(FrameHeader));
  EXPECT_FALSE(body.names_all);
  ASSERT_EQ(body.records.size(), 2u);
  EXPECT_EQ(body.records[0].key, "a");
  EXPECT_EQ(body.records[1].key, "c");
}

TEST(FrameTest, WhatWasMovedDoesNotCheckOut) {
  const std::string bytes = Frame().put("name", "Alice").bytes();
  const std::string_view record = std::string_view(bytes).substr(sizeof(FrameHeader));
  const struct {
    const char* what;
    SegmentIdentity identity;
    std::uint64_t offset;
    bool checks_out;
  } locations[] = {
      {"where it was written", kIdentity, kOffset, true},
      {"eight bytes on", kIdentity, kOffset + 8, false},
      {"at the front of the same segment", kIdentity, sizeof(SegmentHeader), false},
      {"another segment", {kIdentity.id.next(), kIdentity.salt}, kOffset, false},
      {"another incarnation of the segment", {kIdentity.id, kIdentity.salt ^ 1}, kOffset, false},
      {"another one yet", {kIdentity.id, kIdentity.salt ^ std::uint64_t{1} << 63}, kOffset, false},
      {"id and salt changed places", {SegmentId(kIdentity.salt), kIdentity.id.number()}, kOffset, false},
  };
  for (const auto& location : locations) {
    SCOPED_TRACE(location.what);
    EXPECT_EQ(parse_frame_header(bytes, location.identity, location.offset).has_value(), location.checks_out);
    EXPECT_EQ(parse_record(record, location.identity, location.offset + sizeof(FrameHeader)).has_value(),
              location.checks_out);
  }
}

TEST(FrameTest, EveryCutIsNoticedAndNothingBehindItIsRead) {
  const std::string good = Frame().put("name", "Alice").put("b", "2").bytes();
  for (std::size_t size = 0; size < good.size(); ++size) {
    const Exact cut(std::string_view(good).substr(0, size));
    EXPECT_FALSE(is_whole(cut.view())) << size;
    if (size > sizeof(FrameHeader)) {
      const Exact record(cut.view().substr(sizeof(FrameHeader)));
      const bool has_all = size >= sizeof(FrameHeader) + sizeof(RecordHeader) + 4 + 5;
      EXPECT_EQ(parse_record(record.view(), kIdentity, kOffset + sizeof(FrameHeader)).has_value(), has_all)
          << size;
    }
  }
}

TEST(FrameTest, ACorruptLengthDoesNotDriveTheParser) {
  const std::string good = Frame().put("name", "Alice").bytes();
  for (const std::uint32_t length : {0u, 1u, 6u, 0x7FFFFFFFu, 0xFFFFFFF8u, 0xFFFFFFFFu}) {
    SCOPED_TRACE(length);
    std::string bytes = good;
    char* record = bytes.data() + sizeof(FrameHeader);
    std::memcpy(record + offsetof(RecordHeader, value_length), &length, sizeof(length));
    std::memcpy(record + offsetof(RecordHeader, key_length), &length, sizeof(std::uint16_t));
    const Exact exact(std::string_view(bytes).substr(sizeof(FrameHeader)));
    EXPECT_FALSE(parse_record_header(exact.view(), kIdentity, kOffset + sizeof(FrameHeader)));

    std::memcpy(bytes.data() + offsetof(FrameHeader, body_length), &length, sizeof(length));
    EXPECT_FALSE(parse_frame_header(bytes, kIdentity, kOffset));

    // Even with a header that checks out, a count that is wrong reserves no more than the bytes there are.
    FrameHeader header{};
    header.record_count = length;
    const FrameBody body = parse_frame_body(exact.view(), header, kIdentity, kOffset + sizeof(FrameHeader));
    EXPECT_FALSE(body.is_whole());
    EXPECT_TRUE(body.records.empty());
    EXPECT_LE(body.records.capacity(), 2u);
  }
}

TEST(FrameTest, ZerosAndTextAreNone) {
  EXPECT_FALSE(parse_frame_header(std::string(4096, '\0'), kIdentity, kOffset));
  EXPECT_FALSE(parse_record(std::string(4096, '\0'), kIdentity, kOffset));
  EXPECT_FALSE(parse_frame_header(std::string(4096, 'x'), kIdentity, kOffset));
  EXPECT_FALSE(parse_record(std::string(4096, 'x'), kIdentity, kOffset));
}

// Recovery takes a log for empty whose newest sequence is 0, and must not have taken keys from it.
TEST(FrameTest, ARecordWithoutASequenceIsNone) {
  Frame frame;
  frame.row({"", RecordType::kPut, "key", "value", 0, 0, 0});
  const std::string bytes = frame.bytes();
  const auto header = parse_frame_header(bytes, kIdentity, kOffset);
  ASSERT_TRUE(header);
  const FrameBody body = parse_frame_body(std::string_view(bytes).substr(sizeof(FrameHeader)), *header,
                                          kIdentity, kOffset + sizeof(FrameHeader));
  EXPECT_TRUE(body.records.empty());
  EXPECT_FALSE(body.names_all);
}

// Somebody stores a segment's bytes as a value. When the frame around them is damaged, whoever looks for the
// next one must not take up with theirs.
TEST(FrameTest, AValueThatContainsAWholeValidFrameIsNotTakenForOne) {
  const std::string inner = Frame(sizeof(SegmentHeader)).put("name", "Mallory").bytes();
  ASSERT_TRUE(is_whole(inner, kIdentity, sizeof(SegmentHeader)));
  Frame outer(sizeof(SegmentHeader));
  outer.put("12345678", inner);  // eight bytes of key, so that the frame in the value is aligned
  std::string segment(sizeof(SegmentHeader), '\0');
  segment += outer.bytes();
  Frame next(segment.size());
  next.put("name", "Alice");
  const std::uint64_t next_offset = segment.size();
  segment += next.bytes();
  segment[sizeof(SegmentHeader) + offsetof(FrameHeader, record_count)] ^= 1;
  const std::size_t inner_offset = segment.find(inner);
  ASSERT_EQ(inner_offset % kAlignment, 0u);

  sim::SimFileSystem files;
  ASSERT_TRUE(files.create_dir("d"));
  auto file = files.open("d/f", OpenMode::kCreate);
  ASSERT_TRUE(file);
  const std::string_view bytes(segment);
  ASSERT_TRUE((*file)->write(0, {&bytes, 1}));
  SegmentReader reader(**file, segment.size());
  const auto found =
      find_frame(reader, kIdentity, sizeof(SegmentHeader), [](const FrameHeader&) { return true; });
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, next_offset);
}

TEST(SegmentHeaderTest, EverySingleBitFlipIsNoticed) {
  const StoreId store_id = {1, 2, 3};
  const SegmentHeader good = make_segment_header(kIdentity, SegmentKind::kCompacted, store_id, 42);
  ASSERT_TRUE(segment_header_checks_out(good));
  for (std::size_t bit = 0; bit < sizeof(good) * 8; ++bit) {
    std::string bytes(reinterpret_cast<const char*>(&good), sizeof(good));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    SegmentHeader bad;
    std::memcpy(&bad, bytes.data(), sizeof(bad));
    EXPECT_FALSE(segment_header_checks_out(bad)) << "bit " << bit % 8 << " of byte " << bit / 8;
  }
}

}  // namespace
}  // namespace minikv::engine
