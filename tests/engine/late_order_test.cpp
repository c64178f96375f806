// After a start the keys are put in order while the store is already in use.

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/index/index.h"
#include "tests/support/order_block.h"
#include "tests/support/store_fixture.h"

namespace minikv {
namespace {

// ---- the index ----

engine::Location placed(std::uint64_t sequence, std::int64_t expiry_ms = 0) {
  engine::Location made;
  made.sequence = made.version = sequence;
  made.segment = engine::SegmentId(1);
  made.offset = sequence * 8;
  made.expiry_ms = expiry_ms;
  return made;
}

std::string scattered_key(std::uint64_t number) { return "key" + std::to_string(number * 7919 % 1'000'003); }

using SequenceOfKey = std::map<std::string, std::uint64_t>;  // and the sequences

// An index of many keys, not in order yet, and one in which all that happens to it happens too.
class LateOrderTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    index_.reserve(GetParam());
    for (; sequence_ <= kKeys; ++sequence_) {
      index_.load(scattered_key(sequence_), placed(sequence_));
      in_order_.load(scattered_key(sequence_), placed(sequence_));
      model_[scattered_key(sequence_)] = sequence_;
    }
    index_.finish_loading({}, 2, engine::Index::Ordering::kLater);
    in_order_.finish_loading({}, 2, engine::Index::Ordering::kNow);
  }
  // Something that changes it, of all kinds.
  void change() {
    const std::string key = scattered_key(random_() % (2 * kKeys));
    ++sequence_;
    if (random_() % 3 == 0) {
      ASSERT_EQ(index_.erase(key).has_value(), model_.erase(key) == 1);
      (void)in_order_.erase(key);
      return;
    }
    // With an expiry an entry is a larger one.
    const engine::Location now = placed(sequence_, random_() % 4 == 0 ? 1000 : 0);
    (void)index_.put(key, now);
    (void)in_order_.put(key, now);
    model_[key] = sequence_;
  }
  void expect_as_the_model(const engine::Index& index) {
    auto expected = model_.begin();
    std::size_t wrong = 0;
    index.walk_range({}, [&](std::string_view key, const engine::Location& found) {
      if (expected == model_.end() || key != expected->first || found.sequence != expected->second) ++wrong;
      if (expected != model_.end()) ++expected;
      return true;
    });
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(expected, model_.end());
    EXPECT_EQ(index.size(), model_.size());
  }

  static constexpr std::uint64_t kKeys = 60'000;
  engine::Index index_, in_order_;
  SequenceOfKey model_;
  std::uint64_t sequence_ = 1;
  std::mt19937_64 random_{GetParam()};
};

TEST_P(LateOrderTest, WhatChangesMeanwhileIsMadeGood) {
  for (int i = 0; i < 20'000; ++i) change();
  std::atomic<bool> is_built{false};
  std::thread builder([&] { is_built = index_.build_order(2); });
  while (!is_built) change();
  builder.join();
  EXPECT_FALSE(index_.is_in_order());
  for (int i = 0; i < 2'000; ++i) change();
  int slices = 0;
  for (; !index_.apply_pending_changes(100); ++slices) {
    for (int i = 0; i < 10; ++i) change();
  }
  EXPECT_GE(slices, 150);
  EXPECT_TRUE(index_.is_in_order());
  expect_as_the_model(index_);
  expect_as_the_model(in_order_);
  EXPECT_EQ(index_.keys_with_expiry(), in_order_.keys_with_expiry());
  for (int i = 0; i < 5'000; ++i) change();
  expect_as_the_model(index_);
}

// Entries that go are kept, and must not be kept for ever.
TEST_P(LateOrderTest, WhatWentMeanwhileIsLetGoOf) {
  const std::size_t before = index_.memory_bytes();
  for (std::uint64_t i = 1; i <= kKeys; ++i) ASSERT_TRUE(index_.erase(scattered_key(i)));
  ASSERT_TRUE(index_.build_order(1));
  while (!index_.apply_pending_changes(1'000)) {
  }
  EXPECT_EQ(index_.size(), 0U);
  EXPECT_LT(index_.memory_bytes(), before / 4);
}

TEST_P(LateOrderTest, GoesAwayHalfMade) {
  const std::string large(5'000, 'k');
  for (int i = 0; i < 1'000; ++i) {
    (void)index_.put(large + std::to_string(i), placed(sequence_ + 1));
    change();
    if (i % 2 == 0) {
      (void)index_.erase(large + std::to_string(i));
    }
  }
  if (GetParam() % 2 == 0) {
    EXPECT_TRUE(index_.build_order(2));
  }
}

TEST_P(LateOrderTest, IsGivenUpWhenNobodyNeedsItAnyMore) {
  index_.give_up_order();
  EXPECT_FALSE(index_.build_order(2));
  EXPECT_FALSE(index_.is_in_order());
}

// How many keys were expected: none, too few, as many, far too many.
INSTANTIATE_TEST_SUITE_P(Expected, LateOrderTest, testing::Values(0U, 3'000U, 60'000U, 2'000'001U));

TEST(IndexExpectTest, TooManyExpectedCostNoMemoryInTheEnd) {
  engine::Index expected, grown;
  expected.reserve(1'000'000);
  for (std::uint64_t i = 1; i <= 100'000; ++i) {
    expected.load(scattered_key(i), placed(i));
    grown.load(scattered_key(i), placed(i));
  }
  expected.finish_loading({}, 1, engine::Index::Ordering::kNow);
  grown.finish_loading({}, 1, engine::Index::Ordering::kNow);
  EXPECT_LE(expected.memory_bytes(), grown.memory_bytes() * 11 / 10);
}

// ---- the store ----

class LateOrderStoreTest : public test::StoreFixture {
 protected:
  static constexpr int kKeys = 12'000;

  static std::string key(int number) { return "key" + std::to_string(100'000 + number); }
  // A store of many keys that was just opened, and puts nothing in order before release().
  void open_not_in_order() {
    options_.fsync = Fsync::kNever;
    open();
    WriteBatch batch;
    for (int i = 0; i < kKeys; ++i) batch.set(key(i), "v" + std::to_string(i));
    ASSERT_TRUE(store_->write(batch));
    options_.log = block_.log();
    open();
    ASSERT_FALSE(store_->is_in_order());
  }
  std::vector<std::string> keys_in_order(bool reverse = false) {
    ScanOptions all;
    all.limit = SIZE_MAX;
    all.with_values = false;
    all.reverse = reverse;
    std::vector<std::string> keys;
    for (const ScanItem& item : store_->scan(all).items) keys.push_back(item.key);
    return keys;
  }
  static bool is_waiting(std::future<void>& work) {
    return work.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout;
  }

  test::OrderBlock block_;
};

TEST_F(LateOrderStoreTest, OnlyWhatWalksOverKeysInOrderWaits) {
  open_not_in_order();
  EXPECT_EQ(get(key(7)), "v7");
  set("another", "x");
  set(key(8), "changed");
  ASSERT_TRUE(*store_->remove(key(9)));
  EXPECT_EQ(get("another"), "x");
  EXPECT_EQ(get(key(9)), kMissing);
  EXPECT_EQ(store_->size(), static_cast<std::uint64_t>(kKeys));
  std::size_t unordered = 0;
  std::uint64_t position = 0;
  do {
    const UnorderedPage page = store_->walk_unordered(position, 1'000);
    unordered += page.keys.size();
    position = page.next;
  } while (position != 0);
  EXPECT_EQ(unordered, static_cast<std::size_t>(kKeys));
  EXPECT_GT(store_->stats().index_bytes, 0U);

  std::vector<std::string> keys;
  auto walk = std::async(std::launch::async, [&] { keys = keys_in_order(); });
  EXPECT_TRUE(is_waiting(walk));
  set("late", "x");  // and it holds up nobody
  block_.release();
  walk.get();
  std::vector<std::string> expected = {"another"};
  for (int i = 0; i < kKeys; ++i) {
    if (i != 9) expected.push_back(key(i));
  }
  expected.emplace_back("late");
  EXPECT_EQ(keys, expected);
  EXPECT_EQ(keys_in_order(true), std::vector<std::string>(expected.rbegin(), expected.rend()));
  EXPECT_TRUE(store_->is_in_order());
}

TEST_F(LateOrderStoreTest, ItEndsThoughEachGroupBringsManyChangesMore) {
  open_not_in_order();
  std::atomic<std::uint64_t> written{0};
  const auto write_some = [&] {
    WriteBatch batch;
    for (int i = 0; i < 1'000; ++i) batch.set("more" + std::to_string(written++), "x");
    ASSERT_TRUE(store_->write(batch));
  };
  for (int i = 0; i < 50; ++i) write_some();
  auto writer = std::async(std::launch::async, [&] {
    const auto too_late = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!store_->is_in_order() && std::chrono::steady_clock::now() < too_late) write_some();
  });
  block_.release();
  writer.get();
  ASSERT_TRUE(store_->is_in_order());
  EXPECT_EQ(keys_in_order().size(), kKeys + written);
}

// The writer waits for the order, and is who completes it.
TEST_F(LateOrderStoreTest, ADeleteByPrefixWaitsForIt) {
  open_not_in_order();
  for (int i = 0; i < 500; ++i) set("more" + std::to_string(i), "x");
  std::uint64_t removed = 0;
  auto remove = std::async(std::launch::async, [&] { removed = *store_->remove_prefix("key10"); });
  EXPECT_TRUE(is_waiting(remove));
  block_.release();
  remove.get();
  EXPECT_EQ(removed, 10'000U);
  EXPECT_EQ(get(key(9'999)), kMissing);
  EXPECT_EQ(get(key(10'000)), "v10000");
  EXPECT_EQ(keys_in_order().size(), 2'500U);
}

TEST_F(LateOrderStoreTest, AWalkInATransactionWaitsForIt) {
  open_not_in_order();
  std::size_t seen = 0;
  auto walk = std::async(std::launch::async, [&] {
    ASSERT_TRUE(store_->transact([&](Transaction& transaction) {
      ScanOptions some;
      some.prefix = "key1001";
      seen = transaction.scan(some).items.size();
    }));
  });
  EXPECT_TRUE(is_waiting(walk));
  block_.release();
  walk.get();
  EXPECT_EQ(seen, 100U);
}

TEST_F(LateOrderStoreTest, ClearingAStoreWaitsForIt) {
  open_not_in_order();
  auto clear = std::async(std::launch::async, [&] { ASSERT_TRUE(store_->clear()); });
  EXPECT_TRUE(is_waiting(clear));
  block_.release();
  clear.get();
  EXPECT_EQ(store_->size(), 0U);
  set("new", "x");
  EXPECT_EQ(keys_in_order(), std::vector<std::string>{"new"});
}

// Keys whose time has come go while their entries are still looked at.
TEST_F(LateOrderStoreTest, KeysExpireMeanwhile) {
  options_.fsync = Fsync::kNever;
  open();
  WriteBatch batch;
  const std::int64_t soon = store_->now_ms() + 1'500;
  for (int i = 0; i < 2 * kKeys; ++i) batch.set(key(i), "v", i % 2 == 0 ? soon : kNoExpiry);
  ASSERT_TRUE(store_->write(batch));
  options_.log = block_.log();
  open();
  ASSERT_FALSE(store_->is_in_order());
  EXPECT_TRUE(wait_until([&] { return store_->stats().keys_with_expiry == 0; }));
  block_.release();
  const auto keys = keys_in_order();
  ASSERT_EQ(keys.size(), static_cast<std::size_t>(kKeys));
  EXPECT_EQ(keys.front(), key(1));
}

TEST_F(LateOrderStoreTest, AStoreIsClosedBeforeItIsInOrder) {
  open_not_in_order();
  set("another", "x");
  auto walk = std::async(std::launch::async, [&] { EXPECT_TRUE(keys_in_order().empty()); });
  EXPECT_TRUE(is_waiting(walk));
  auto close = std::async(std::launch::async, [&] { EXPECT_TRUE(store_->close()); });
  EXPECT_TRUE(is_waiting(close));
  EXPECT_EQ(store_->set("too late", "x").code(), StatusCode::kShutdown);
  block_.release();
  close.get();
  walk.get();
  options_.log = {};
  open();
  EXPECT_EQ(get("another"), "x");
  EXPECT_EQ(keys_in_order().size(), static_cast<std::size_t>(kKeys) + 1);
}

}  // namespace
}  // namespace minikv
