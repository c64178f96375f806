// A chain of pieces is the bytes that were appended, whatever their lengths, and however they are taken.
#include "protocol/reply_buffer.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::protocol {
namespace {

constexpr std::size_t kLong = ReplyBuffer::kOwnPieceBytes;

class ReplyBufferTest : public ::testing::Test {
 protected:
  // Bytes that differ from place to place.
  std::string bytes(std::size_t count) {
    std::string made(count, '\0');
    for (char& byte : made) byte = static_cast<char>(random_());
    return made;
  }
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  // Now and then long enough for a piece of its own.
  std::size_t length() { return below(4) == 0 ? kLong / 2 + below(kLong) : below(300); }

  void append_somehow(ReplyBuffer& buffer, const std::string& more) {
    switch (below(4)) {
      case 0: buffer.append(std::string_view(more)); break;
      case 1: buffer.append(std::string(more)); break;
      case 2: more.copy(buffer.extend(more.size()), more.size()); break;
      default: {
        ReplyBuffer other;
        const std::size_t middle = below(more.size() + 1);
        other.append(std::string_view(more).substr(0, middle));
        other.append(std::string_view(more).substr(middle));
        buffer.append(std::move(other));
        EXPECT_TRUE(other.empty());  // NOLINT(bugprone-use-after-move): which is promised
      }
    }
  }

  // The first bytes, as whoever sends them sees them.
  static std::string front(const ReplyBuffer& buffer, std::size_t pieces) {
    std::vector<std::string_view> views(pieces);
    const std::size_t count = buffer.front(views);
    std::string joined;
    for (std::size_t i = 0; i < count; ++i) joined += views[i];
    return joined;
  }

  std::mt19937 random_{20261126};
};

TEST_F(ReplyBufferTest, HasWhatWasAppendedAndNotSent) {
  for (int round = 0; round < 50; ++round) {
    ReplyBuffer buffer;
    std::string expected;
    for (int step = 0; step < 200; ++step) {
      const std::string more = bytes(length());
      append_somehow(buffer, more);
      expected += more;
      ASSERT_EQ(buffer.size(), expected.size());
      ASSERT_EQ(buffer.str(), expected);
      ASSERT_GE(buffer.memory(), buffer.size());
      const std::string first = front(buffer, 1 + below(5));
      ASSERT_EQ(first, expected.substr(0, first.size()));
      ASSERT_TRUE(!first.empty() || expected.empty());
      const std::size_t sent = below(3) == 0 ? expected.size() : below(first.size() + 1);
      buffer.drop_front(sent);
      expected.erase(0, sent);
      ASSERT_EQ(buffer.str(), expected);
    }
  }
}

TEST_F(ReplyBufferTest, IsRewoundToAnyMark) {
  for (int round = 0; round < 500; ++round) {
    ReplyBuffer buffer;
    std::string expected = bytes(length());
    append_somehow(buffer, expected);
    buffer.drop_front(below(expected.size() + 1));
    expected = buffer.str();
    const ReplyBuffer::Mark mark = buffer.mark();
    EXPECT_EQ(buffer.first_since(mark), std::nullopt);
    std::string more;
    for (std::size_t step = below(4); step > 0; --step) {
      const std::string next = bytes(length());
      append_somehow(buffer, next);
      more += next;
    }
    ASSERT_EQ(buffer.first_since(mark), more.empty() ? std::nullopt : std::optional<char>(more.front()));
    buffer.rewind(mark);
    ASSERT_EQ(buffer.str(), expected);
    const std::string again = bytes(length());
    append_somehow(buffer, again);
    ASSERT_EQ(buffer.str(), expected + again);
  }
}

TEST_F(ReplyBufferTest, TakesALongStringWithoutACopy) {
  ReplyBuffer buffer;
  buffer.append("before");
  std::string value = bytes(kLong);
  const char* const place = value.data();
  buffer.append(std::move(value));
  buffer.append("behind");
  std::array<std::string_view, 3> views;
  ASSERT_EQ(buffer.front(views), 3U);
  EXPECT_EQ(views[1].data(), place);
}

TEST_F(ReplyBufferTest, GivesALongValueAPieceOfItsOwn) {
  ReplyBuffer buffer;
  buffer.append("head");
  char* const place = buffer.extend(10 * kLong);
  EXPECT_LE(buffer.memory(), 10 * kLong + 2048) << "and no more memory than that";
  std::fill_n(place, 10 * kLong, 'v');
  ReplyBuffer other;
  other.append(std::move(buffer));
  std::array<std::string_view, 2> views;
  ASSERT_EQ(other.front(views), 2U);
  EXPECT_EQ(views[1].data(), place) << "also as a part of another chain";
}

TEST_F(ReplyBufferTest, HoldsLittleWhenAllIsSent) {
  ReplyBuffer buffer;
  for (int i = 0; i < 1000; ++i) append_somehow(buffer, bytes(length()));
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_LE(buffer.memory(), 16U * 1024);
}

TEST_F(ReplyBufferTest, FreesWhatIsSentAtOnce) {
  ReplyBuffer buffer;
  for (int i = 0; i < 100; ++i) buffer.append(bytes(kLong));
  buffer.append("x");
  const std::size_t before = buffer.memory();
  buffer.drop_front(50 * kLong);
  EXPECT_LE(buffer.memory(), before / 2 + 2048);
}

}  // namespace
}  // namespace minikv::protocol
