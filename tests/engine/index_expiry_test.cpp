// The order of the keys by their expiry, against a model.

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/index/index.h"

namespace minikv::engine {
namespace {

Location place_until(std::uint64_t sequence, std::int64_t expiry_ms) {
  Location made;
  made.sequence = made.version = sequence;
  made.expiry_ms = expiry_ms;
  return made;
}

TEST(IndexExpiryTest, KnowsWhatComesNextAndTakesOutTheEarliestFirst) {
  Index index;
  EXPECT_FALSE(index.next_expiry());
  index.put("never", place_until(1, 0));
  index.put("late", place_until(2, 300));
  index.put("early", place_until(3, 100));
  index.put("middle", place_until(4, 200));
  EXPECT_EQ(index.keys_with_expiry(), 3u);
  EXPECT_EQ(index.next_expiry(), 100);
  std::vector<std::string> taken;
  const auto visit = [&](std::string_view key, const Location& where) {
    EXPECT_NE(where.expiry_ms, 0);
    taken.emplace_back(key);
  };
  EXPECT_EQ(index.take_expired(99, 10, visit), 0u);
  EXPECT_EQ(index.take_expired(1000, 1, visit), 1u);
  EXPECT_EQ(index.take_expired(200, 10, visit), 1u);
  EXPECT_EQ(index.take_expired(200, 10, visit), 0u);
  EXPECT_EQ(taken, (std::vector<std::string>{"early", "middle"}));
  EXPECT_EQ(index.size(), 2u);
  EXPECT_FALSE(index.find("early"));
  EXPECT_EQ(index.next_expiry(), 300);
  index.put("late", place_until(5, 0));  // PERSIST
  EXPECT_FALSE(index.next_expiry());
  EXPECT_EQ(index.take_expired(INT64_MAX, 10, visit), 0u);
  EXPECT_EQ(index.size(), 2u);
}

TEST(IndexExpiryTest, FollowsEveryChange) {
  std::mt19937_64 random(11);
  Index index;
  std::map<std::string, std::int64_t> model;  // key -> expiry
  const auto expect_same = [&](std::int64_t now) {
    std::set<std::string> expected, taken;
    for (auto it = model.begin(); it != model.end();) {
      const bool expired = it->second != 0 && it->second <= now;
      if (expired) expected.insert(it->first);
      it = expired ? model.erase(it) : std::next(it);
    }
    std::int64_t last = 0;
    const auto visit = [&](std::string_view key, const Location& where) {
      EXPECT_LE(last, where.expiry_ms);
      last = where.expiry_ms;
      taken.emplace(key);
    };
    while (index.take_expired(now, 7, visit) == 7) {
    }
    ASSERT_EQ(taken, expected);
    ASSERT_EQ(index.size(), model.size());
  };
  for (std::int64_t step = 1; step <= 50'000; ++step) {
    const std::string key = "key" + std::to_string(random() % 3000);
    if (random() % 5 == 0) {
      index.erase(key);
      model.erase(key);
    } else {
      const std::int64_t expiry = random() % 3 == 0 ? 0 : step + static_cast<std::int64_t>(random() % 5000);
      Location made = place_until(static_cast<std::uint64_t>(step), expiry);
      if (random() % 3 == 0) made.version = 1;
      index.put(key, made);
      model[key] = expiry;
    }
    if (step % 500 == 0) expect_same(step);
  }
  expect_same(INT64_MAX);
  EXPECT_EQ(index.keys_with_expiry(), 0u);
}

}  // namespace
}  // namespace minikv::engine
