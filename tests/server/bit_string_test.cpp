// Bits of values: against what the definition says, bit by bit.
#include "server/commands/bit_string.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace minikv::server {
namespace {

std::int64_t bits_of(const std::string& bytes) { return static_cast<std::int64_t>(bytes.size()) * 8; }

// Mostly bytes of nothing but zeros or ones: what is looked over by words.
std::string random_bytes(std::mt19937& random) {
  std::string bytes(random() % 60, random() % 2 == 0 ? '\0' : '\xff');
  for (std::uint64_t changes = random() % 3; changes > 0 && !bytes.empty(); --changes)
    bytes[random() % bytes.size()] = static_cast<char>(random());
  return bytes;
}

PositionRange random_range(std::mt19937& random, const std::string& bytes) {
  const auto position = [&] { return static_cast<std::int64_t>(random() % (bytes.size() * 8 + 20)) - 10; };
  return resolve_positions(position(), position(), bits_of(bytes));
}

TEST(BitStringTest, TheFirstBitIsTheHighestOfTheFirstByte) {
  const std::string bytes("\x80\x01", 2);
  for (std::uint64_t bit = 0; bit < 40; ++bit) EXPECT_EQ(bit_at(bytes, bit), bit == 0 || bit == 15) << bit;
}

TEST(BitStringTest, SettingABitLeavesTheOthersAlone) {
  for (std::uint64_t bit = 0; bit < 24; ++bit) {
    std::string bytes(3, '\0');
    set_bit(bytes, bit, true);
    for (std::uint64_t other = 0; other < 24; ++other) EXPECT_EQ(bit_at(bytes, other), other == bit);
    bytes.assign(3, '\xff');
    set_bit(bytes, bit, false);
    for (std::uint64_t other = 0; other < 24; ++other) EXPECT_EQ(bit_at(bytes, other), other != bit);
  }
}

TEST(BitStringTest, CountsWhatIsSetWithinTheRange) {
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    const std::string bytes = random_bytes(random);
    const PositionRange range = random_range(random, bytes);
    std::uint64_t expected = 0;
    for (std::int64_t bit = range.first; bit <= range.last; ++bit)
      expected += bit_at(bytes, static_cast<std::uint64_t>(bit)) ? 1U : 0U;
    ASSERT_EQ(count_bits(bytes, range), expected)
        << bytes.size() << " bytes, " << range.first << ".." << range.last;
  }
}

TEST(BitStringTest, FindsTheFirstOneOfItsKindWithinTheRange) {
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    const std::string bytes = random_bytes(random);
    const PositionRange range = random_range(random, bytes);
    for (const bool on : {false, true}) {
      std::optional<std::uint64_t> expected;
      for (std::int64_t bit = range.last; bit >= range.first; --bit) {
        if (bit_at(bytes, static_cast<std::uint64_t>(bit)) == on) expected = static_cast<std::uint64_t>(bit);
      }
      ASSERT_EQ(find_bit(bytes, on, range), expected)
          << bytes.size() << " bytes, " << range.first << ".." << range.last << ", " << on;
    }
  }
}

TEST(PositionRangeTest, IsCutToWhatThereIs) {
  struct Case {
    std::int64_t first, last, length, from, to;
  };
  for (const Case& one :
       {Case{0, -1, 5, 0, 4}, Case{-2, -1, 5, 3, 4}, Case{0, 100, 5, 0, 4}, Case{-100, 2, 5, 0, 2},
        Case{2, 2, 5, 2, 2}, Case{-100, -50, 5, 0, 0}, Case{INT64_MIN, INT64_MAX, 5, 0, 4}}) {
    const PositionRange range = resolve_positions(one.first, one.last, one.length);
    EXPECT_EQ(range.first, one.from);
    EXPECT_EQ(range.last, one.to);
  }
  for (const Case& empty :
       {Case{5, 9, 5, 0, 0}, Case{3, 2, 5, 0, 0}, Case{0, -1, 0, 0, 0}, Case{0, 0, 0, 0, 0}}) {
    EXPECT_TRUE(resolve_positions(empty.first, empty.last, empty.length).is_empty());
  }
}

}  // namespace
}  // namespace minikv::server
