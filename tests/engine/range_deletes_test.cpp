// Range deletes as a set: whether a record is older than a delete of its key.
#include "engine/core/range_deletes.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/index/key_filter.h"

namespace minikv::engine {
namespace {

TEST(RangeDeletesTest, CoverWhatIsOlderBetweenTheirEnds) {
  RangeDeletes ranges;
  EXPECT_FALSE(ranges.cover("b", 1));
  ranges.add({"b", "d", 10});
  EXPECT_TRUE(ranges.cover("b", 9));
  EXPECT_TRUE(ranges.cover("c\xff", 9));
  EXPECT_FALSE(ranges.cover("b", 10));
  EXPECT_FALSE(ranges.cover("a\xff", 9));
  EXPECT_FALSE(ranges.cover("d", 9));
  ranges.add({"c", "", 5});
  EXPECT_TRUE(ranges.cover("\xff\xff", 4));
  EXPECT_TRUE(ranges.cover("c", 9));
  EXPECT_FALSE(ranges.cover("d", 5));
  ranges.remove(10);
  EXPECT_FALSE(ranges.cover("b", 1));
  EXPECT_FALSE(ranges.cover("c", 5));
  EXPECT_TRUE(ranges.cover("c", 4));
  ranges.clear();
  EXPECT_FALSE(ranges.cover("c", 4));
}

TEST(RangeDeletesTest, AgreeWithLookingAtEachRange) {
  std::mt19937 random(7);
  const auto key = [&] { return std::string(random() % 3, static_cast<char>('a' + random() % 4)); };
  for (int round = 0; round < 2000; ++round) {
    RangeDeletes set;
    std::vector<RangeDelete> all;
    for (std::uint64_t i = 0; i < random() % 6; ++i) {
      all.push_back({key(), random() % 4 == 0 ? "" : key(), random() % 20 + i * 20 + 1});
    }
    set.add(all);
    for (int probe = 0; probe < 20; ++probe) {
      const std::string at = key();
      const std::uint64_t sequence = random() % 130;
      const bool expected = std::any_of(all.begin(), all.end(), [&](const RangeDelete& range) {
        return range.covers(at) && range.sequence > sequence;
      });
      ASSERT_EQ(set.cover(at, sequence), expected)
          << "round " << round << " key '" << at << "' at " << sequence;
    }
  }
}

TEST(KeyFilterTest, HoldsWhatWasAddedAndLittleElse) {
  constexpr int kKeys = 100'000;
  KeyFilter filter(kKeys);
  for (int i = 0; i < kKeys; ++i) filter.add("key:" + std::to_string(i));
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(filter.may_hold("key:" + std::to_string(i)));
  int wrong = 0;
  for (int i = 0; i < kKeys; ++i) wrong += filter.may_hold("other:" + std::to_string(i)) ? 1 : 0;
  EXPECT_LT(wrong, kKeys / 200);
  EXPECT_LE(filter.memory_bytes(), kKeys * 2 + 64);
  EXPECT_FALSE(KeyFilter(0).may_hold("anything"));
}

}  // namespace
}  // namespace minikv::engine
