// Filling the index while a store is being opened: many threads at once, in any order.

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/index/index.h"
#include "engine/index/index_loader.h"
#include "engine/index/key_sort.h"

namespace minikv::engine {
namespace {

Location numbered_location(std::uint64_t sequence) {
  Location made;
  made.sequence = made.version = sequence;
  made.segment = SegmentId(1);
  made.offset = sequence * 8;
  return made;
}

std::vector<std::string> keys_in_order(const Index& index) {
  std::vector<std::string> keys;
  index.walk_range({}, [&](std::string_view key, const Location&) {
    keys.emplace_back(key);
    return true;
  });
  return keys;
}

struct Loaded {
  std::string key;
  Location location;
};

TEST(IndexLoadingTest, TheNewestWinsWhoeverLoadsItAndWhenever) {
  std::mt19937_64 random(7);
  std::vector<Loaded> all;
  std::map<std::string, Location> newest;
  for (std::uint64_t sequence = 1; sequence <= 60'000; ++sequence) {
    Location made = numbered_location(sequence);
    made.deleted = random() % 4 == 0;
    if (random() % 4 == 0 && !made.deleted) made.expiry_ms = static_cast<std::int64_t>(sequence);
    all.push_back({"key" + std::to_string(random() % 20'000), made});
    newest[all.back().key] = made;
  }
  std::shuffle(all.begin(), all.end(), random);
  Index index;
  std::vector<std::thread> threads;
  constexpr std::size_t kThreads = 4;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      IndexLoader loader(index);
      for (std::size_t i = thread; i < all.size(); i += kThreads) loader.add(all[i].key, all[i].location);
      loader.flush();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto keep = [](std::size_t, std::string_view, const Location& loaded) {
    EXPECT_FALSE(loaded.deleted);
    return loaded.sequence % 10 != 0;
  };
  index.finish_loading(keep, 2, Index::Ordering::kNow);

  std::vector<std::string> expected;
  std::size_t with_expiry = 0;
  for (const auto& [key, wanted] : newest) {
    const auto found = index.find(key);
    if (wanted.deleted || wanted.sequence % 10 == 0) {
      EXPECT_FALSE(found) << key;
      continue;
    }
    expected.push_back(key);
    with_expiry += wanted.expiry_ms != 0 ? 1 : 0;
    ASSERT_TRUE(found) << key;
    EXPECT_EQ(found->sequence, wanted.sequence);
    EXPECT_EQ(found->expiry_ms, wanted.expiry_ms);
  }
  EXPECT_EQ(index.size(), expected.size());
  EXPECT_EQ(keys_in_order(index), expected);
  EXPECT_EQ(index.keys_with_expiry(), with_expiry);
}

TEST(IndexLoadingTest, WhatSaysThatARecordIsLostWinsOverThatRecordButNotOverANewerOne) {
  Location lost = numbered_location(5);
  lost.lost = true;
  Index index;
  index.load("before", lost);
  index.load("before", numbered_location(5));
  index.load("behind", numbered_location(5));
  index.load("behind", lost);
  index.load("healed", lost);
  index.load("healed", numbered_location(6));
  index.finish_loading({}, 1, Index::Ordering::kNow);
  EXPECT_TRUE(index.find("before")->lost);
  EXPECT_TRUE(index.find("behind")->lost);
  EXPECT_FALSE(index.find("healed")->lost);
}

// What a few of them begin with is taken for what all do, until one does not.
TEST(IndexLoadingTest, AFewKeysThatBeginOtherwiseAreInTheirPlacesToo) {
  std::set<std::string> keys = {"", "ke", "a", "zz", "key", "kez"};
  for (int i = 0; i < 100'000; ++i) keys.insert("key:" + std::to_string(i));
  Index index;
  for (const std::string& key : keys) index.load(key, numbered_location(1));
  index.finish_loading({}, 2, Index::Ordering::kNow);
  EXPECT_EQ(keys_in_order(index), std::vector<std::string>(keys.begin(), keys.end()));
}

TEST(IndexLoadingTest, AfterLoadingItIsChangedAsAnyOther) {
  Index index;
  for (std::uint64_t i = 1; i <= 5000; ++i) index.load(std::to_string(i), numbered_location(i));
  index.finish_loading({}, 2, Index::Ordering::kNow);
  for (std::uint64_t i = 1; i <= 5000; i += 2) ASSERT_TRUE(index.erase(std::to_string(i)));
  index.put("new", numbered_location(9000));
  EXPECT_EQ(index.size(), 2501u);
  const auto keys = keys_in_order(index);
  EXPECT_EQ(keys.size(), 2501u);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

// Keys that a sort by pieces could get wrong: zeros at the end, one the beginning of another, long common
// beginnings, the highest bytes, more equal pieces than are compared one by one.
std::set<std::string> awkward_keys() {
  std::set<std::string> keys = {"", std::string(1, '\0'), std::string(7, '\0'), std::string(8, '\0')};
  const std::string common(100, 'c');
  for (std::size_t length = 0; length < 40; ++length) {
    keys.insert(std::string(length, '\0'));
    keys.insert("a" + std::string(length, '\0'));
    keys.insert(std::string(length, '\xFF'));
    keys.insert(common + std::string(length, 'x'));
    for (int i = 0; i < 30; ++i) keys.insert(common + std::string(length, 'y') + std::to_string(i));
  }
  return keys;
}

void expect_sorted(const std::set<std::string>& keys, unsigned threads, unsigned seed) {
  EntryBlocks blocks;
  EntryPool pool(blocks);
  std::vector<SortItem> items;
  for (const std::string& key : keys) items.push_back({0, Entry::create(pool, key, numbered_location(1))});
  std::shuffle(items.begin(), items.end(), std::mt19937(seed));
  std::vector<std::string> visited;
  sort_by_key(items, threads, [&](std::span<const SortItem> sorted) {
    for (const SortItem& item : sorted) visited.emplace_back(item.entry->key());
    return true;
  });
  EXPECT_EQ(visited, std::vector<std::string>(keys.begin(), keys.end()));
  for (const SortItem& item : items) Entry::destroy(pool, item.entry);
}

TEST(KeySortTest, PutsAwkwardKeysInByteOrder) {
  const auto keys = awkward_keys();
  for (unsigned seed = 0; seed < 20; ++seed) expect_sorted(keys, 1, seed);
  std::set<std::string> longer;
  for (const std::string& key : keys) longer.insert("the same beginning" + key);
  expect_sorted(longer, 1, 1);
  expect_sorted({}, 2, 1);
  expect_sorted({"one"}, 2, 1);
}

TEST(KeySortTest, SharesTheWorkAmongThreads) {
  std::mt19937_64 random(3);
  std::set<std::string> keys;
  while (keys.size() < 150'000) {
    keys.insert((random() % 2 == 0 ? "session:" : "user:") + std::to_string(random() % 1'000'000'000'000));
  }
  expect_sorted(keys, 4, 1);
}

TEST(KeySortTest, EndsWhenNobodyWantsTheRest) {
  EntryBlocks blocks;
  EntryPool pool(blocks);
  std::vector<SortItem> items;
  for (int i = 0; i < 200'000; ++i) {
    items.push_back({0, Entry::create(pool, std::to_string(i * 7919 % 200'003), numbered_location(1))});
  }
  for (const unsigned threads : {1U, 3U}) {
    std::size_t visited = 0;
    sort_by_key(items, threads, [&](std::span<const SortItem> sorted) {
      visited += sorted.size();
      return visited < 50'000;
    });
    EXPECT_GE(visited, 50'000U);
    EXPECT_LT(visited, 100'000U);
  }
}

}  // namespace
}  // namespace minikv::engine
