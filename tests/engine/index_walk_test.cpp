// Walks in the order of the hashes, which need nothing but a number to go on.
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/index/index.h"

namespace minikv::engine {
namespace {

Location some_location() {
  Location location;
  location.sequence = location.version = 1;
  location.segment = SegmentId(1);
  return location;
}

std::string key_of(std::uint64_t i) { return "key" + std::to_string(i); }

TEST(IndexUnorderedWalkTest, SeesEveryKeyOnceWhereNothingChanges) {
  for (const std::uint64_t keys : {0u, 1u, 15u, 1'000u, 100'000u}) {
    Index index;
    for (std::uint64_t i = 0; i < keys; ++i) index.put(key_of(i), some_location());
    for (const std::size_t count : {1u, 7u, 300u, 200'000u}) {
      if (count == 1 && keys > 1'000) continue;
      std::set<std::string> seen;
      std::uint64_t position = 0, steps = 0;
      do {
        std::size_t found = 0;
        position = index.walk_unordered(position, count, [&](std::string_view key, const Location&) {
          EXPECT_TRUE(seen.emplace(key).second) << key << " twice";
          ++found;
        });
        ++steps;
        EXPECT_LT(position, std::uint64_t{1} << 53);
        // A few keys may share a position.
        EXPECT_LE(found, count + 4);
        EXPECT_TRUE(position == 0 || found >= count);
      } while (position != 0);
      EXPECT_EQ(seen.size(), keys) << count;
      EXPECT_LE(steps, keys / count + 1);
    }
  }
}

TEST(IndexUnorderedWalkTest, SeesWhatIsThereThroughoutWhateverComesAndGoes) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    Index index;
    const std::uint64_t stay = random() % 3'000;
    for (std::uint64_t i = 0; i < stay; ++i) index.put(key_of(i), some_location());
    std::set<std::string> seen;
    std::uint64_t position = 0, others = 0;
    do {
      position = index.walk_unordered(position, random() % 50 + 1,
                                      [&](std::string_view key, const Location&) { seen.emplace(key); });
      // Leaves split under the walk; its own keys are replaced by larger entries.
      for (int i = 0; i < 100 && others < 40'000; ++i)
        index.put("other" + std::to_string(others++), some_location());
      for (int i = 0; i < 10 && others != 0; ++i) index.erase("other" + std::to_string(random() % others));
      if (stay != 0) {
        Location with_expiry = some_location();
        with_expiry.expiry_ms = 5;
        index.put(key_of(random() % stay), with_expiry);
      }
    } while (position != 0);
    for (std::uint64_t i = 0; i < stay; ++i)
      EXPECT_TRUE(seen.contains(key_of(i))) << key_of(i) << ", round " << round;
  }
}

TEST(IndexUnorderedWalkTest, EndsWhateverNumberItIsGiven) {
  std::mt19937_64 random(11);
  Index index;
  for (std::uint64_t i = 0; i < 5'000; ++i) index.put(key_of(i), some_location());
  for (int round = 0; round < 1'000; ++round) {
    std::uint64_t position = random() >> random() % 64;
    int steps = 0;
    do {
      position = index.walk_unordered(position, 1'000, [](std::string_view, const Location&) {});
      ASSERT_LE(++steps, 10);
    } while (position != 0);
  }
}

}  // namespace
}  // namespace minikv::engine
