// The index against a std::map that does the same.

#include "engine/index/index.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::engine {
namespace {

Location location(std::uint64_t sequence, std::int64_t expiry_ms = 0) {
  Location made;
  made.sequence = made.version = sequence;
  made.segment = SegmentId(sequence % 7 + 1);
  made.offset = sequence % 1000 * 8;
  made.value_bytes = static_cast<std::uint32_t>(sequence % 100);
  made.expiry_ms = expiry_ms;
  return made;
}

bool same(const Location& a, const Location& b) {
  return a.sequence == b.sequence && a.version == b.version && a.segment == b.segment &&
         a.offset == b.offset && a.value_bytes == b.value_bytes && a.expiry_ms == b.expiry_ms &&
         a.lost == b.lost && a.deleted == b.deleted;
}

TEST(EntryTest, HoldsEveryFieldWithAndWithoutTheRareOnes) {
  EntryBlocks blocks;
  EntryPool pool(blocks);
  for (const std::int64_t expiry : {std::int64_t{0}, std::int64_t{1}, INT64_MAX}) {
    for (const std::uint64_t version : {7u, 5u}) {
      for (const std::string& key : {std::string(), std::string("k"), std::string(65'535, 'x')}) {
        Location wanted = location(7, expiry);
        wanted.version = version;
        wanted.lost = version == 5;
        wanted.offset = std::uint64_t{UINT32_MAX} * 8;
        Entry* entry = Entry::create(pool, key, wanted);
        EXPECT_EQ(entry->key(), key);
        EXPECT_TRUE(same(entry->location(), wanted));
        EXPECT_EQ(entry->bytes(), 24 + key.size() + (expiry != 0 ? 8 : 0) + (version == 5 ? 8 : 0));
        EXPECT_TRUE(entry->can_hold(wanted));
        Entry::destroy(pool, entry);
      }
    }
  }
}

// The guess is by hash alone: a wrong one is possible, and rare.
TEST(IndexTest, PrefetchShowsTheLocationsThatLookUpsWillFind) {
  Index index;
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    keys.push_back("key" + std::to_string(i));
    index.put(keys.back(), location(i + 1));
  }
  std::size_t shown = 0, wrong = 0;
  for (std::size_t first = 0; first < keys.size(); first += Index::kMaxPrefetched) {
    const std::vector<std::string_view> some(
        keys.begin() + static_cast<std::ptrdiff_t>(first),
        keys.begin() + static_cast<std::ptrdiff_t>(first + Index::kMaxPrefetched));
    std::size_t at = first;
    index.prefetch(some, [&](const Location& found) {
      ++shown;
      if (!same(found, location(++at))) ++wrong;
    });
  }
  EXPECT_EQ(shown, keys.size());
  EXPECT_LT(wrong, 100U);
  const std::vector<std::string_view> missing = {"nobody", "", "key20000"};
  std::size_t found_missing = 0;
  index.prefetch(missing, [&](const Location&) { ++found_missing; });
  EXPECT_LE(found_missing, 1U);
  const std::vector<std::string_view> many(keys.begin(), keys.begin() + 100);
  shown = 0;
  index.prefetch(many, [&](const Location&) { ++shown; });
  EXPECT_EQ(shown, Index::kMaxPrefetched);
}

class IndexModelTest : public testing::TestWithParam<unsigned> {};

TEST_P(IndexModelTest, DoesWhatAMapDoes) {
  std::mt19937_64 random(GetParam());
  Index index;
  std::map<std::string, Location> model;
  for (std::uint64_t step = 1; step <= 60'000; ++step) {
    const std::string key = "key" + std::to_string(random() % 8000);
    if (random() % 3 == 0) {
      const auto erased = index.erase(key);
      ASSERT_EQ(erased.has_value(), model.erase(key) == 1);
    } else {
      Location now = location(step, random() % 4 == 0 ? 1000 : 0);
      if (random() % 5 == 0) now.version = step / 2;
      const auto before = index.put(key, now);
      const auto known = model.find(key);
      ASSERT_EQ(before.has_value(), known != model.end());
      if (before) {
        ASSERT_TRUE(same(*before, known->second));
      }
      model[key] = now;
    }
  }
  ASSERT_EQ(index.size(), model.size());
  for (int i = 0; i < 8000; ++i) {
    const std::string key = "key" + std::to_string(i);
    const auto found = index.find(key);
    const auto known = model.find(key);
    ASSERT_EQ(found.has_value(), known != model.end()) << key;
    if (found) {
      ASSERT_TRUE(same(*found, known->second)) << key;
    }
  }
  std::vector<std::string> expected, walked;
  for (const auto& [key, where] : model) expected.push_back(key);
  const auto collect = [&](std::string_view key, const Location&) {
    walked.emplace_back(key);
    return true;
  };
  index.walk_range({}, collect);
  EXPECT_EQ(walked, expected);
  walked.clear();
  index.walk_range_back({}, collect);
  EXPECT_EQ(walked, std::vector<std::string>(expected.rbegin(), expected.rend()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, IndexModelTest, testing::Values(1u, 2u, 3u));

TEST(IndexTest, RangesAreHalfOpenAndGoBothWays) {
  Index index;
  for (const char* key : {"a", "b", "c", "d"}) index.put(key, location(1));
  const auto walk = [&](std::optional<Index::Start> low, std::optional<std::string_view> high) {
    std::string there, back;
    index.walk_range({low, high}, [&](std::string_view key, const Location&) {
      there += key;
      return true;
    });
    index.walk_range_back({low, high}, [&](std::string_view key, const Location&) {
      back.insert(0, key);
      return true;
    });
    EXPECT_EQ(there, back);
    return there;
  };
  using Start = Index::Start;
  EXPECT_EQ(walk(std::nullopt, std::nullopt), "abcd");
  EXPECT_EQ(walk(Start{"b", true}, "d"), "bc");
  EXPECT_EQ(walk(Start{"b", false}, "d"), "c");
  EXPECT_EQ(walk(Start{"bb", true}, std::nullopt), "cd");
  EXPECT_EQ(walk(std::nullopt, "c"), "ab");
  EXPECT_EQ(walk(std::nullopt, "e"), "abcd");
  EXPECT_EQ(walk(std::nullopt, ""), "");
  EXPECT_EQ(walk(Start{"b", true}, "b"), "");
  EXPECT_EQ(walk(Start{"c", true}, "b"), "");
  EXPECT_EQ(walk(Start{"d", false}, "z"), "");
}

TEST(IndexTest, SwapTakesEverythingAlong) {
  Index full, other;
  for (int i = 0; i < 3000; ++i) full.put(std::to_string(i), location(1, i % 2 == 0 ? 1000 : 0));
  const std::size_t bytes = full.memory_bytes(), empty_bytes = other.memory_bytes();
  other.put("x", location(2));
  full.swap(other);
  EXPECT_EQ(full.size(), 1u);
  EXPECT_TRUE(full.find("x"));
  EXPECT_FALSE(full.find("7"));
  EXPECT_EQ(full.keys_with_expiry(), 0u);
  full.erase("x");
  EXPECT_EQ(full.memory_bytes(), empty_bytes);
  EXPECT_EQ(other.size(), 3000u);
  EXPECT_EQ(other.keys_with_expiry(), 1500u);
  EXPECT_EQ(other.memory_bytes(), bytes);
  EXPECT_TRUE(other.find("7"));
}

}  // namespace
}  // namespace minikv::engine
