// Segments are read through a window: where it ends must make no difference.
#include "engine/segment/segment_reader.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "minikv/options.h"
#include "minikv/transaction.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

constexpr SegmentIdentity kSegmentIdentity{SegmentId(7), 0xFEEDFACECAFEF00D};
constexpr std::uint64_t kWindowBytes = kMiB;
constexpr std::uint64_t kPadding = 6;  // behind the last record of frame_at()

std::string frame_at(std::uint64_t offset) {
  FrameBuilder builder;
  builder.begin(kSegmentIdentity, offset);
  builder.add({RecordType::kPut, "key", "value", value_checksum("value"), 1, 1, 0});
  builder.add({RecordType::kPut, "other", "thing", value_checksum("thing"), 2, 2, 0});
  std::string bytes;
  FrameHeader header{};
  header.first_sequence = 1;
  for (const std::string_view piece : builder.finish(header)) bytes.append(piece);
  return bytes;
}

class SegmentReaderTest : public ::testing::Test {
 protected:
  SegmentReaderTest() {
    EXPECT_TRUE(files_.create_dir("d"));
    auto file = files_.open("d/f", OpenMode::kCreate);
    EXPECT_TRUE(file);
    file_ = std::move(*file);
  }
  void write(std::uint64_t offset, std::string_view bytes) {
    EXPECT_TRUE(file_->write(offset, std::array{bytes}));
  }

  sim::SimFileSystem files_;
  std::unique_ptr<File> file_;
};

// At every place where a frame may stand, from the one where it just fits into the first window to the one
// where nothing of it does.
TEST_F(SegmentReaderTest, AFrameAcrossTheWindowsEndIsWholeAndIsFound) {
  const std::uint64_t frame_bytes = frame_at(0).size();
  std::uint64_t tried = 0;
  for (std::uint64_t at = kWindowBytes - frame_bytes; at <= kWindowBytes; at += kAlignment, ++tried) {
    SCOPED_TRACE(at);
    write(kWindowBytes - frame_bytes, std::string(3 * frame_bytes, '\0'));
    write(at, frame_at(at));
    SegmentReader reader(*file_, kWindowBytes + 2 * frame_bytes);
    ASSERT_TRUE(reader.bytes(0, 1));  // the window begins at the beginning
    const auto found = find_frame(reader, kSegmentIdentity, 0, [](const FrameHeader&) { return true; });
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, at);

    SegmentReader again(*file_, kWindowBytes + 2 * frame_bytes);
    ASSERT_TRUE(again.bytes(0, 1));
    const auto frame = read_frame(again, kSegmentIdentity, at);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->kind, FrameAt::Kind::kWhole);
    EXPECT_EQ(frame->body.records.size(), 2u);
    EXPECT_EQ(frame->end, at + frame_bytes);
    EXPECT_EQ(*end_of_data(again, 0), at + frame_bytes - kPadding);
  }
  EXPECT_GT(tried, 10u);
}

// As the readers of segments walk: from frame to frame, and behind what is none to the next one.
TEST_F(SegmentReaderTest, ACursorGoesFromFrameToFrameAndOverDamage) {
  const std::uint64_t frame_bytes = frame_at(0).size();
  const std::uint64_t first = sizeof(SegmentHeader), damaged = first + frame_bytes,
                      last = damaged + frame_bytes, size = last + frame_bytes + 2 * kAlignment;
  write(0, std::string(size, '\0'));
  for (const std::uint64_t at : {first, last}) write(at, frame_at(at));
  SegmentReader reader(*file_, size);
  FrameCursor cursor(reader, kSegmentIdentity);
  EXPECT_EQ(cursor.offset(), first);
  auto frame = cursor.read();
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->has_header() && frame->has_all_names());
  cursor.move_to(frame->end);
  EXPECT_EQ(cursor.offset(), damaged);
  frame = cursor.read();
  ASSERT_TRUE(frame);
  EXPECT_FALSE(frame->has_header() || frame->has_all_names());
  const auto next = cursor.find_next_header();
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, last);
  cursor.move_to(*next);
  cursor.move_to(last + frame_bytes);
  EXPECT_FALSE(cursor.is_at_end());
  const auto end = cursor.find_next_header();
  ASSERT_TRUE(end);
  EXPECT_EQ(*end, size);
  cursor.move_to(*end);
  EXPECT_TRUE(cursor.is_at_end());
}

TEST_F(SegmentReaderTest, GivesWhatIsAskedForWhereverTheWindowStands) {
  std::string bytes(3 * kWindowBytes, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2'654'435'761U >> 24);
  write(0, bytes);
  SegmentReader reader(*file_, bytes.size());
  for (const std::uint64_t offset :
       {std::uint64_t{0}, kWindowBytes - 1, kWindowBytes, std::uint64_t{5}, 2 * kWindowBytes - 7}) {
    for (const std::uint64_t length :
         {std::uint64_t{1}, std::uint64_t{9}, kWindowBytes, kWindowBytes + 1, 4 * kWindowBytes}) {
      const auto got = reader.bytes(offset, length);
      ASSERT_TRUE(got);
      EXPECT_TRUE(*got == std::string_view(bytes).substr(offset, length)) << offset << ", " << length;
    }
  }
  EXPECT_TRUE(reader.bytes(bytes.size(), 1)->empty());
}

}  // namespace
}  // namespace minikv::engine
