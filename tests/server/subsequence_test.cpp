// The longest common subsequence, against the textbook's table.
#include "server/commands/subsequence.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace minikv::server {
namespace {

// The textbook's algorithm, and the way back through its table that Redis takes.
struct Textbook {
  Textbook(std::string_view a, std::string_view b)
      : table(a.size() + 1, std::vector<std::size_t>(b.size() + 1, 0)) {
    for (std::size_t i = 1; i <= a.size(); ++i) {
      for (std::size_t j = 1; j <= b.size(); ++j) {
        table[i][j] =
            a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1 : std::max(table[i - 1][j], table[i][j - 1]);
      }
    }
    for (std::size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
      if (a[i - 1] == b[j - 1]) {
        pairs.emplace_back(--i, --j);
      } else {
        --(table[i - 1][j] > table[i][j - 1] ? i : j);
      }
    }
  }
  std::size_t length() const { return table.back().back(); }

  std::vector<std::vector<std::size_t>> table;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  // of matching bytes, from the last to the first
};

std::vector<std::pair<std::size_t, std::size_t>> pairs_of(const std::vector<CommonPart>& parts) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (const CommonPart& part : parts) {
    for (std::uint32_t i = part.bytes; i-- > 0;) pairs.emplace_back(part.in_a + i, part.in_b + i);
  }
  return pairs;
}

std::string random_text(std::mt19937& random, std::size_t bytes, std::uint64_t letters) {
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(static_cast<unsigned char>(random() % letters * 37));
  return text;
}

void expect_as_in_the_textbook(const std::string& a, const std::string& b) {
  const Textbook expected(a, b);
  EXPECT_EQ(subsequence_length(a, b), expected.length());
  const std::vector<CommonPart> parts = common_parts(a, b);
  ASSERT_EQ(pairs_of(parts), expected.pairs) << fmt::format("{} and {} bytes", a.size(), b.size());
  std::string joined;
  for (auto pair = expected.pairs.rbegin(); pair != expected.pairs.rend(); ++pair) joined += a[pair->first];
  EXPECT_EQ(join_parts(a, parts), joined);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    EXPECT_FALSE(parts[i].in_a + parts[i].bytes == parts[i - 1].in_a &&
                 parts[i].in_b + parts[i].bytes == parts[i - 1].in_b)
        << "two parts that are one";
  }
}

TEST(SubsequenceTest, IsTheOneThatRedisFinds) {
  std::mt19937 random(3);
  for (int round = 0; round < 1000; ++round) {
    const std::uint64_t letters = 1 + random() % 7;
    const std::string a = random_text(random, random() % 150, letters);
    ASSERT_NO_FATAL_FAILURE(expect_as_in_the_textbook(a, random_text(random, random() % 150, letters)));
  }
}

// Where the words of a row begin and end.
TEST(SubsequenceTest, OfStringsAboutAsLongAsWords) {
  std::mt19937 random(4);
  for (const std::size_t bytes : {0U, 1U, 7U, 8U, 9U, 63U, 64U, 65U, 127U, 128U, 129U}) {
    for (const std::size_t others : {0U, 1U, 8U, 63U, 64U, 65U, 128U}) {
      ASSERT_NO_FATAL_FAILURE(
          expect_as_in_the_textbook(random_text(random, bytes, 2), random_text(random, others, 2)));
    }
    const std::string same(bytes, 'x');
    ASSERT_NO_FATAL_FAILURE(expect_as_in_the_textbook(same, same));
  }
}

// The second one goes down the rows then, and the choice among those that are as long must not change.
TEST(SubsequenceTest, WhereTheSecondIsMuchLonger) {
  std::mt19937 random(5);
  for (const std::size_t bytes : {1U, 20U, 64U, 100U}) {
    const std::string a = random_text(random, bytes, 3);
    const std::string b = random_text(random, 70'000, 3);
    ASSERT_NO_FATAL_FAILURE(expect_as_in_the_textbook(a, b));
    ASSERT_NO_FATAL_FAILURE(expect_as_in_the_textbook(b, a));
  }
}

TEST(SubsequenceTest, FitsAsLongAsRedisTableWouldFitAValue) {
  constexpr std::size_t kMax = std::size_t{512} << 20;
  EXPECT_TRUE(subsequence_fits(0, 0, kMax));
  EXPECT_TRUE(subsequence_fits(11'584, 11'584, kMax));
  EXPECT_FALSE(subsequence_fits(11'585, 11'585, kMax));
  EXPECT_TRUE(subsequence_fits((std::size_t{1} << 27) - 1, 0, kMax));
  EXPECT_TRUE(subsequence_fits(0, (std::size_t{1} << 27) - 1, kMax));
  EXPECT_FALSE(subsequence_fits(std::size_t{1} << 27, 0, kMax));
  EXPECT_FALSE(subsequence_fits(0, std::size_t{1} << 27, kMax));
  EXPECT_TRUE(subsequence_fits(1, (std::size_t{1} << 26) - 1, kMax));
  EXPECT_FALSE(subsequence_fits(1, std::size_t{1} << 26, kMax));
  EXPECT_FALSE(subsequence_fits(SIZE_MAX, SIZE_MAX, kMax)) << "whose product overflows";
  EXPECT_TRUE(subsequence_fits(21, 21, 2'000));
  EXPECT_FALSE(subsequence_fits(21, 22, 2'000));
}

}  // namespace
}  // namespace minikv::server
