// Deletes of whole ranges of keys, through the public interface: at once, counted, durable, in every order
// with everything else.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/support/sim_run.h"

namespace minikv {
namespace {

// On the simulated disk and in one thread: keys go from the index a few with each write, so that what is half
// done is seen. Each test runs with the store as it is and reopened (from hints, and from what a killed
// process leaves).
class RangeDeleteTest : public ::testing::Test {
 protected:
  RangeDeleteTest() : run_(sim::sim_options()) {}
  void SetUp() override { ASSERT_TRUE(run_.open()); }

  Store& store() { return *run_.store(); }
  void set(std::string_view key, std::string_view value = "v") { ASSERT_TRUE(store().set(key, value)); }
  std::uint64_t remove_prefix(std::string_view prefix) {
    const auto removed = store().remove_prefix(prefix);
    EXPECT_TRUE(removed) << removed.status().message();
    return removed.is_ok() ? *removed : ~std::uint64_t{0};
  }
  // All ways of reading have to agree.
  std::string keys() {
    std::string joined;
    ScanOptions options;
    options.limit = 1'000'000;
    const auto page = store().scan(options);
    for (const ScanItem& item : page.items) {
      joined += item.key + " ";
      EXPECT_TRUE(store().get(item.key)) << item.key;
      EXPECT_TRUE(store().exists(item.key)) << item.key;
    }
    EXPECT_EQ(store().size(), page.items.size());
    EXPECT_EQ(store().stats().keys, page.items.size());
    return joined;
  }
  void expect_keys(const std::string& expected) {
    EXPECT_EQ(keys(), expected);
    run_.kill();
    ASSERT_TRUE(run_.open());
    EXPECT_EQ(keys(), expected) << "after a kill";
    ASSERT_TRUE(run_.close());
    ASSERT_TRUE(run_.open());
    EXPECT_EQ(keys(), expected) << "after a clean close";
    ASSERT_TRUE(store().compact());
    EXPECT_EQ(keys(), expected) << "after compaction";
    ASSERT_TRUE(run_.close());
    ASSERT_TRUE(run_.open());
    EXPECT_EQ(keys(), expected) << "after compaction and a clean close";
  }

  sim::SimRun run_;
};

TEST_F(RangeDeleteTest, TakesTheKeysWithThePrefixAndCountsThem) {
  for (const char* key : {"a", "user:1", "user:2", "user:", "user;", "z"}) set(key);
  EXPECT_EQ(remove_prefix("user:"), 3u);
  EXPECT_FALSE(store().get("user:1"));
  EXPECT_EQ(remove_prefix("user:"), 0u);
  expect_keys("a user; z ");
}

TEST_F(RangeDeleteTest, OfNothingWritesNothing) {
  set("a");
  const std::uint64_t before = store().stats().last_sequence;
  EXPECT_EQ(remove_prefix("b"), 0u);
  EXPECT_EQ(store().remove_range("c", "b").value(), 0u);
  EXPECT_EQ(store().stats().last_sequence, before);
}

TEST_F(RangeDeleteTest, PrefixesWithoutAnEndReachToTheLastKey) {
  for (const char* key : {"a", "\xff", "\xff\xff", "\xff\xff\x01"}) set(key);
  EXPECT_EQ(remove_prefix("\xff\xff"), 2u);
  expect_keys("a \xff ");
}

TEST_F(RangeDeleteTest, WhatComesLaterStays) {
  for (int i = 0; i < 40; ++i) set("k" + std::to_string(100 + i));
  EXPECT_EQ(remove_prefix("k"), 40u);
  EXPECT_EQ(store().size(), 0u);
  EXPECT_EQ(keys(), "");
  set("k105", "new");
  set("k999", "new");
  EXPECT_EQ(store().get("k105")->data, "new");
  EXPECT_EQ(store().size(), 2u);
  EXPECT_FALSE(store().remove("k110").value()) << "is gone already";
  EXPECT_EQ(remove_prefix("k10"), 1u) << "what is still being taken out is not counted again";
  expect_keys("k999 ");
}

TEST_F(RangeDeleteTest, OverlapsAndEmptyRanges) {
  for (char key = 'a'; key <= 'j'; ++key) set(std::string(1, key));
  EXPECT_EQ(store().remove_range("b", "f").value(), 4u);
  EXPECT_EQ(store().remove_range("d", "h").value(), 2u);
  EXPECT_EQ(store().remove_range("c", "c").value(), 0u);
  EXPECT_EQ(store().remove_range("i", std::nullopt).value(), 2u);
  expect_keys("a h ");
}

TEST_F(RangeDeleteTest, InsideATransactionSeesAndCoversWhatCameBefore) {
  set("k1");
  set("k2");
  std::uint64_t first = 0, second = 0;
  bool seen = true, seen_later = false;
  ASSERT_TRUE(store().transact([&](Transaction& transaction) {
    transaction.put("k3", "v");
    transaction.remove("k1");
    first = transaction.remove_range("k", "l");
    seen = transaction.find("k3").has_value();
    transaction.put("k4", "v");
    transaction.put("k2", "v");
    second = transaction.remove_range("k3", "l");
    transaction.put("k5", "v");
    seen_later = transaction.find("k2").has_value();
  }));
  EXPECT_EQ(first, 2u);
  EXPECT_EQ(second, 1u);
  EXPECT_FALSE(seen);
  EXPECT_TRUE(seen_later);
  expect_keys("k2 k5 ");
}

TEST_F(RangeDeleteTest, ATransactionKnowsHowManyKeysItLeaves) {
  for (const char* key : {"a", "k1", "k2", "k3", "z"}) set(key);
  std::vector<std::uint64_t> sizes;
  ASSERT_TRUE(store().transact([&](Transaction& transaction) {
    const auto note = [&] { sizes.push_back(transaction.size()); };
    note();
    transaction.put("k4", "v");
    transaction.remove_range("k", "l");
    note();
    transaction.put("k1", "v");
    transaction.put("k1", "again");
    transaction.put("a", "again");
    note();
    transaction.remove("k1");
    transaction.remove("k2");
    transaction.set_expiry("z", transaction.now_ms());
    note();
    transaction.remove_range("a", "b");
    note();
    transaction.remove_all();
    transaction.put("new", "v");
    note();
  }));
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{5, 2, 3, 1, 0, 1}));
  EXPECT_EQ(store().size(), 1U);
}

TEST_F(RangeDeleteTest, ClearTakesEverythingAndWhatFollowsStays) {
  for (int i = 0; i < 30; ++i) set("k" + std::to_string(i), std::string(200, 'v'));
  ASSERT_TRUE(store().clear());
  EXPECT_EQ(keys(), "");
  EXPECT_EQ(store().stats().live_bytes, 0u);
  set("after");
  expect_keys("after ");
}

TEST_F(RangeDeleteTest, KeysMayComeAndGoBehindAClearOfTheSameTransaction) {
  for (const char* key : {"a", "c1", "c2"}) set(key);
  std::uint64_t gone = 0;
  ASSERT_TRUE(store().transact([&](Transaction& transaction) {
    transaction.remove_all();
    transaction.put("c1", "first");
    transaction.put("d", "first");
    gone = transaction.remove_range("c", "");
    transaction.put("b", "v");
    transaction.put("c1", "second");
    transaction.put("c1", "third");
  }));
  EXPECT_EQ(gone, 2U);
  EXPECT_EQ(store().get("c1")->data, "third");
  expect_keys("b c1 ");
  ASSERT_TRUE(store().remove("c1"));
  expect_keys("b ");
}

TEST_F(RangeDeleteTest, IsForgottenByCompactionOnceNothingOlderIsLeft) {
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) set("k" + std::to_string(i), std::string(300, 'v'));
    set("keep", std::string(300, 'v'));
    EXPECT_EQ(remove_prefix("k1"), 11u);
    EXPECT_EQ(remove_prefix("k"), 10u);
    set("keep", std::string(300, 'v'));
  }
  ASSERT_TRUE(store().compact());
  ASSERT_TRUE(store().compact());
  EXPECT_EQ(keys(), "keep ");
  const Stats stats = store().stats();
  EXPECT_LT(stats.dead_bytes, 500u) << "no tombstone and no range delete is left";
}

// An older value lies in a segment that is compacted after the one with the range delete.
TEST_F(RangeDeleteTest, IsKeptAsLongAsOlderRecordsLieElsewhere) {
  Options options = sim::sim_options();
  options.compaction_threshold = 0;
  sim::SimRun run(options);
  ASSERT_TRUE(run.open());
  const auto fill = [&](char letter) {
    ASSERT_TRUE(run.store()->set(std::string("filler-") + letter, std::string(3000, letter)));
  };
  ASSERT_TRUE(run.store()->set("old", "value"));
  fill('a');
  fill('b');
  ASSERT_EQ(run.store()->remove_prefix("o").value(), 1u);
  fill('c');
  fill('d');
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(run.store()->get("old")) << round;
    ASSERT_TRUE(run.close());
    ASSERT_TRUE(run.open());
    ASSERT_TRUE(run.store()->compact());
  }
  EXPECT_FALSE(run.store()->get("old"));
}

TEST_F(RangeDeleteTest, HealsWhatWasLost) {
  set("k1", "precious");
  set("k2");
  ASSERT_TRUE(run_.close());
  run_.file_system().damage([](sim::SimDisk& disk) {
    for (const std::string& path : disk.files()) {
      const auto at = disk.contents(path).find("precious");
      if (at != std::string::npos) disk.overwrite(path, at, "P");
    }
  });
  ASSERT_TRUE(run_.open());
  EXPECT_EQ(store().get("k1").code(), StatusCode::kCorruption);
  EXPECT_EQ(remove_prefix("k"), 2u);
  EXPECT_EQ(store().get("k1").code(), StatusCode::kNotFound);
  expect_keys("");
}

}  // namespace
}  // namespace minikv
