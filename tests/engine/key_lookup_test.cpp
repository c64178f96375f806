// Look-ups of many keys, and counts of ranges, while others write: what they say must have been so at one
// moment.
#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/core/change_journal.h"
#include "engine/core/counted_range.h"
#include "engine/store/blocking_task.h"
#include "minikv/store.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/store_fixture.h"
#include "tests/support/test_scale.h"

namespace minikv::engine {
namespace {

class LookupDice {
 public:
  explicit LookupDice(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

 private:
  std::mt19937_64 random_;
};

// ---- the journal ----

std::vector<std::uint64_t> read_all(const ChangeJournal& journal, ChangeJournal::Follower& follower) {
  std::vector<std::uint64_t> seen;
  journal.read(
      follower, UINT64_MAX, [&](std::uint64_t hash) { seen.push_back(hash); },
      [&](const RangeDelete& range) { seen.push_back(1'000'000 + range.sequence); });
  return seen;
}

TEST(ChangeJournalTest, AFollowerSeesWhatIsNotedSinceAndInThatOrder) {
  ChangeJournal journal;
  EXPECT_FALSE(journal.is_followed());
  ChangeJournal::Follower first = journal.follow();
  journal.note(1);
  journal.note_range({"a", "b", 7});
  ChangeJournal::Follower second = journal.follow();
  journal.note(2);
  EXPECT_EQ(read_all(journal, first), (std::vector<std::uint64_t>{1, 1'000'007, 2}));
  EXPECT_EQ(journal.unseen(first), 0U);
  EXPECT_EQ(read_all(journal, second), (std::vector<std::uint64_t>{2}));
  first.stop();
  EXPECT_TRUE(journal.is_followed());
  second = ChangeJournal::Follower();
  EXPECT_FALSE(journal.is_followed());
}

TEST(ChangeJournalTest, WhoFallsTooFarBehindIsTold) {
  ChangeJournal journal;
  ChangeJournal::Follower slow = journal.follow();
  journal.note_range({"a", "b", 1});
  ChangeJournal::Follower fast = journal.follow();
  std::uint64_t noted = 0;
  while (journal.has(slow)) {
    journal.note(noted++);
    ASSERT_LT(noted, 1U << 23) << "it has a bound";
    if (noted % 1000 == 0) (void)read_all(journal, fast);
  }
  EXPECT_GT(noted, 1'000'000U) << "and is not told too early";
  EXPECT_TRUE(journal.has(fast));
  for (std::uint64_t i = 0; i < 5'000; ++i) journal.note_range({"c", "d", i + 1});
  EXPECT_FALSE(journal.has(fast)) << "of ranges there are fewer";
  journal.clear();
  ChangeJournal::Follower fresh = journal.follow();
  journal.note(9);
  EXPECT_EQ(read_all(journal, fresh), (std::vector<std::uint64_t>{9}));
}

// ---- the count of a range ----

Location location_with(std::int64_t expiry_ms) {
  Location location;
  location.expiry_ms = expiry_ms;
  return location;
}

TEST(CountedRangeTest, ChangesCountOnlyWhereItHasBeenAlready) {
  CountedRange range("b", "y", 100);
  range.note_new("c", location_with(0));
  EXPECT_EQ(range.entries(), 0U) << "it is still to be walked over";
  range.add("c", location_with(0));
  range.add("d", location_with(100));
  range.add("e", location_with(101));
  range.reach("e");
  EXPECT_EQ(range.entries(), 3U);
  EXPECT_EQ(range.keys(), 2U) << "one has expired";
  range.note_gone("c", location_with(0));
  range.note_gone("f", location_with(0));
  range.note_new("a", location_with(0));
  range.note_new("bb", location_with(0));
  range.note_gone("d", location_with(100));
  EXPECT_EQ(range.entries(), 2U);
  EXPECT_EQ(range.keys(), 2U);
  range.finish();
  range.note_new("x", location_with(0));
  range.note_new("y", location_with(0));
  EXPECT_EQ(range.keys(), 3U);
}

TEST(CountedRangeTest, ARangeDeleteTakesAllOrNothingOfItOrElseItIsUnknown) {
  const auto counted = [](bool is_whole) {
    auto range = std::make_unique<CountedRange>("b", "y", 100);
    range->add("c", location_with(0));
    range->reach("c");
    if (is_whole) range->finish();
    return range;
  };
  struct Case {
    RangeDelete deleted;
    bool is_whole, is_right;
    std::uint64_t keys;
  };
  for (const Case& one : std::initializer_list<Case>{{{"", "", 1}, true, true, 0},
                                                     {{"a", "b", 1}, true, true, 1},
                                                     {{"y", "", 1}, true, true, 1},
                                                     {{"b", "y", 1}, true, true, 0},
                                                     {{"b", "x", 1}, true, false, 1},
                                                     {{"c", "", 1}, true, false, 1},
                                                     {{"b", "d", 1}, false, true, 0},
                                                     {{"d", "f", 1}, false, true, 1},
                                                     {{"c", "f", 1}, false, false, 1}}) {
    const auto range = counted(one.is_whole);
    range->note_range(one.deleted);
    EXPECT_EQ(range->is_right(), one.is_right) << one.deleted.from << " " << one.deleted.to;
    if (!one.is_right) continue;
    EXPECT_EQ(range->keys(), one.keys) << one.deleted.from << " " << one.deleted.to;
  }
}

// ---- look-ups, with writes at chosen moments ----

class KeyLookupTest : public testing::Test {
 protected:
  KeyLookupTest() {
    options_.segment_size = 64 * kMiB;
    options_.fsync = Fsync::kNever;
    options_.single_threaded = true;
    options_.file_system = &files_;
    options_.clock = &clock_;
    auto opened = Store::open("data", options_);
    EXPECT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }

  static std::string key(std::uint64_t i) { return "key" + std::to_string(i); }
  // Some of them twice, and some that nobody ever writes.
  std::vector<std::string> some_keys(LookupDice& random, std::size_t count) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back(key(random.below(2 * count)));
    return keys;
  }
  static std::vector<std::string_view> views(const std::vector<std::string>& keys) {
    return {keys.begin(), keys.end()};
  }
  void change_something(LookupDice& random, std::size_t keys) {
    const std::string chosen = key(random.below(keys));
    switch (random.below(20)) {
      case 0: ASSERT_TRUE(store_->remove_prefix(key(random.below(100)))); return;
      case 1:
        if (random.below(20) == 0) {
          ASSERT_TRUE(store_->clear());
        }
        return;
      case 2: clock_.advance_ms(static_cast<std::int64_t>(random.below(20))); return;
      case 3:
      case 4:
      case 5:
      case 6: ASSERT_TRUE(store_->remove(chosen)); return;
      case 7:
        ASSERT_TRUE(store_->transact([&](Transaction& transaction) {
          transaction.set_expiry(chosen,
                                 transaction.now_ms() + 1 + static_cast<std::int64_t>(random.below(50)));
        }));
        return;
      case 8:
        ASSERT_TRUE(
            store_->set(chosen, "v", store_->now_ms() + 1 + static_cast<std::int64_t>(random.below(50))));
        return;
      default: ASSERT_TRUE(store_->set(chosen, "v"));
    }
  }
  // What the look-up says is what is the case now.
  void expect_right(const KeyLookup& lookup) {
    std::size_t there = 0;
    for (std::size_t i = 0; i < lookup.keys().size(); ++i) {
      const auto location = store_->locate(lookup.keys()[i]);
      ASSERT_EQ(lookup.is_there(i), location.has_value()) << lookup.keys()[i];
      if (!location) continue;
      ++there;
      ASSERT_EQ(lookup.handle(i)->version(), location->version());
      ASSERT_EQ(lookup.handle(i)->expiry_ms(), location->expiry_ms());
    }
    EXPECT_EQ(lookup.there(), there);
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  Options options_;
  std::unique_ptr<Store> store_;
};

TEST_F(KeyLookupTest, SaysWhatIsTheCaseAtItsEndWhateverIsWrittenMeanwhile) {
  LookupDice random(test::test_seed(13));
  for (std::uint64_t round = 0; round < test::scaled_rounds(12); ++round) {
    constexpr std::size_t kKeys = 3'000;
    for (std::size_t i = 0; i < kKeys; i += 2) change_something(random, kKeys);
    const std::vector<std::string> keys = some_keys(random, kKeys);
    const auto named = views(keys);
    KeyLookup lookup(named);
    EXPECT_FALSE(lookup.is_done());
    ASSERT_TRUE(store_->look_up(lookup, [&] {
      for (std::size_t i = random.below(300); i > 0; --i) change_something(random, kKeys);
      return false;
    }));
    EXPECT_TRUE(lookup.is_done());
    expect_right(lookup);
  }
}

TEST_F(KeyLookupTest, BeginsAnewWhereTooMuchIsWrittenAndThenDoesItAtOnce) {
  const std::vector<std::string> keys = [] {
    std::vector<std::string> made;
    for (std::uint64_t i = 0; i < 1'000; ++i) made.push_back(key(i));
    return made;
  }();
  const auto named = views(keys);
  for (const std::string& one : keys) ASSERT_TRUE(store_->set(one, "v"));
  KeyLookup lookup(named);
  std::uint64_t calls = 0;
  ASSERT_TRUE(store_->look_up(lookup, [&] {
    ++calls;
    // More range deletes than are kept.
    for (int i = 0; i < 1'100; ++i) {
      EXPECT_TRUE(store_->set("other", "v"));
      EXPECT_EQ(store_->remove_prefix("other").value(), 1U);
    }
    EXPECT_TRUE(store_->remove(key(calls)));
    return false;
  }));
  EXPECT_GT(calls, 6U) << "it was begun more than once";
  expect_right(lookup);
}

TEST_F(KeyLookupTest, OneThatIsNotWantedAnyMoreEnds) {
  const std::vector<std::string> keys(10'000, "k");
  const auto named = views(keys);
  KeyLookup lookup(named);
  int calls = 0;
  EXPECT_EQ(store_->look_up(lookup, [&] { return ++calls == 3; }).code(), StatusCode::kCancelled);
  EXPECT_EQ(calls, 3);
  EXPECT_FALSE(lookup.is_done());
  EXPECT_TRUE(store_->look_up(lookup)) << "and can be begun again";
  EXPECT_EQ(lookup.there(), 0U);
}

TEST_F(KeyLookupTest, AKeyThatIsNamedOftenIsFoundOnceAndCountsEachTime) {
  ASSERT_TRUE(store_->set("k", "v"));
  std::vector<std::string> keys(100'000, "k");
  keys[7] = "absent";
  const auto named = views(keys);
  KeyLookup lookup(named);
  ASSERT_TRUE(store_->look_up(lookup));
  EXPECT_EQ(lookup.there(), keys.size() - 1);
  EXPECT_EQ(lookup.next_there(0), 0U);
  EXPECT_EQ(lookup.next_there(1), keys.size());
  EXPECT_EQ(lookup.sequence(7), 0U);
  EXPECT_EQ(lookup.sequence(8), lookup.sequence(0));
  EXPECT_EQ(store_->count_existing(named), keys.size() - 1);
  EXPECT_EQ(store_->multi_get(named)[99'999]->data, "v");
}

TEST_F(KeyLookupTest, MayOutliveTheStore) {
  ASSERT_TRUE(store_->set("k", "v"));
  const std::vector<std::string_view> named = {"k"};
  KeyLookup lookup(named);
  ASSERT_TRUE(store_->look_up(lookup));
  ASSERT_TRUE(store_->close());
  store_.reset();
  EXPECT_EQ(lookup.handle(0)->value_bytes(), 1U);
}

// ---- prepared for the writer ----

// Compares what was prepared with what the transaction says itself.
class ComparingTask final : public BlockingTask {
 public:
  explicit ComparingTask(std::vector<std::string> keys, const std::string& prefix)
      : keys_(std::move(keys)),
        named_(keys_.begin(), keys_.end()),
        lookup_(named_),
        range_(prefix, end_of_prefix(prefix).value()) {
    set_wants_preparation();
  }
  void prepare(Preparation& preparation) override {
    preparation.look_up(lookup_);
    preparation.count(range_);
  }
  void execute(Transaction& transaction) override {
    transaction.look_up(lookup_);
    for (std::size_t i = 0; i < named_.size(); ++i) {
      const auto entry = transaction.find(named_[i]);
      EXPECT_EQ(lookup_.is_there(i), entry.has_value()) << named_[i];
      EXPECT_EQ(lookup_.sequence(i), entry ? entry->sequence : 0);
      const auto handle = transaction.locate(named_[i]);
      if (handle && lookup_.is_there(i)) {
        EXPECT_EQ(lookup_.handle(i)->version(), handle->version());
      }
    }
    ScanOptions all;
    all.prefix = range_.from();
    all.limit = SIZE_MAX;
    const std::size_t counted = transaction.scan(all).items.size();
    const std::uint64_t size = transaction.size();
    EXPECT_EQ(transaction.remove_range(range_), counted);
    EXPECT_EQ(transaction.size(), size - counted);
  }

 private:
  const std::vector<std::string> keys_;
  const std::vector<std::string_view> named_;
  KeyLookup lookup_;
  RangeCount range_;
};

class PutTask final : public BlockingTask {
 public:
  explicit PutTask(std::string key, bool removes) : key_(std::move(key)), removes_(removes) {}
  void execute(Transaction& transaction) override {
    if (removes_) {
      transaction.remove(key_);
    } else {
      transaction.put(key_, "v");
    }
  }

 private:
  const std::string key_;
  const bool removes_;
};

TEST_F(KeyLookupTest, WhatWasPreparedIsMadeRightByTheTransaction) {
  LookupDice random(test::test_seed(14));
  for (std::uint64_t round = 0; round < test::scaled_rounds(60); ++round) {
    constexpr std::size_t kKeys = 1'000;
    for (std::size_t i = 0; i < 500; ++i) change_something(random, kKeys);
    ComparingTask task(some_keys(random, random.below(2) == 0 ? 20 : kKeys),
                       "key" + std::to_string(random.below(10)));
    if (random.below(5) != 0) store_->prepare(task);
    for (std::size_t i = random.below(200); i > 0; --i) change_something(random, kKeys);
    std::vector<std::unique_ptr<PutTask>> before;
    std::vector<WriteTask*> tasks;
    for (std::size_t i = random.below(100); i > 0; --i) {
      before.push_back(std::make_unique<PutTask>(key(random.below(kKeys)), random.below(3) == 0));
      tasks.push_back(before.back().get());
    }
    tasks.push_back(&task);
    store_->submit(tasks);
    ASSERT_TRUE(task.wait());
  }
}

// ---- with threads ----

class ManyKeysTest : public test::StoreFixture {};

TEST_F(ManyKeysTest, AreReadAsOfOneMoment) {
  options_.fsync = Fsync::kNever;
  open();
  std::vector<std::string> keys;
  for (int i = 0; i < 4'000; ++i) keys.push_back("k" + std::to_string(i));
  const std::vector<std::string_view> named(keys.begin(), keys.end());
  const auto write_all = [&](int number) {
    WriteBatch batch;
    for (std::size_t i = 0; i < keys.size(); ++i) batch.set(keys[i], std::to_string(number));
    ASSERT_TRUE(store_->write(batch));
  };
  write_all(0);
  std::atomic<bool> is_over{false};
  std::thread writer([&] {
    for (int number = 1; !is_over; ++number) {
      // Now some single writes, then all at once.
      if (number % 2 == 0) {
        write_all(number);
      } else {
        EXPECT_TRUE(store_->remove("k5"));
        EXPECT_TRUE(store_->set("k5", std::to_string(number - 1)));
      }
    }
  });
  for (std::uint64_t round = 0; round < test::scaled_rounds(100); ++round) {
    const auto values = store_->multi_get(named);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i == 5) continue;
      ASSERT_TRUE(values[i]);
      ASSERT_EQ(values[i]->data, values[0]->data) << i;
    }
  }
  is_over = true;
  writer.join();
}

// The range is prepared, and others add, remove, overwrite and let expire meanwhile.
TEST_F(ManyKeysTest, AreCountedRightWhileOthersWrite) {
  options_.fsync = Fsync::kNever;
  open();
  WriteBatch batch;
  for (std::uint64_t i = 0; i < 20'000; ++i) batch.set("key" + std::to_string(i), "v");
  ASSERT_TRUE(store_->write(batch));
  std::atomic<bool> is_over{false};
  std::thread writer([&] {
    LookupDice random(test::test_seed(15));
    while (!is_over) {
      const std::string chosen = "key" + std::to_string(random.below(40'000));
      switch (random.below(4)) {
        case 0: EXPECT_TRUE(store_->remove(chosen)); break;
        case 1:
          EXPECT_TRUE(
              store_->set(chosen, "v", store_->now_ms() + static_cast<std::int64_t>(random.below(20))));
          break;
        default: EXPECT_TRUE(store_->set(chosen, "v"));
      }
    }
  });
  for (std::uint64_t round = 0; round < test::scaled_rounds(100); ++round) {
    ComparingTask task({"key1"}, "key" + std::to_string(1 + round % 4));
    store_->prepare(task);
    WriteTask* const tasks[] = {&task};
    store_->submit(tasks);
    ASSERT_TRUE(task.wait());
    WriteBatch again;
    for (std::uint64_t i = 0; i < 2'000; ++i)
      again.set("key" + std::to_string(1 + round % 4) + std::to_string(i), "v");
    ASSERT_TRUE(store_->write(again));
  }
  is_over = true;
  writer.join();
}

}  // namespace
}  // namespace minikv::engine
