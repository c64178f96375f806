// The index has a limit: what adds keys is refused beyond it, as a whole, and all else goes on.
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/store/blocking_task.h"
#include "minikv/store.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kLimit = 256 * 1024;

class IndexLimitTest : public testing::Test {
 protected:
  IndexLimitTest() {
    options_ = sim_options();
    options_.file_system = &disk_;
    options_.clock = &clock_;
    options_.max_index_bytes = kLimit;
    options_.log = [this](LogLevel level, std::string_view line) {
      if (level >= LogLevel::kWarning) log_.emplace_back(line);
    };
  }
  void open() {
    store_.reset();
    auto opened = Store::open(kStoreDirectory, options_);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  // It stays, as transactions want it.
  const std::string& key(int i) {
    while (keys_.size() <= static_cast<std::size_t>(i))
      keys_.push_back(fmt::format("a key of some length {:06}", keys_.size()));
    return keys_[static_cast<std::size_t>(i)];
  }
  // Until one is refused; that one.
  int fill() {
    for (int i = 0; i < 100'000; ++i) {
      if (auto set = store_->set(key(i), "v"); !set) {
        EXPECT_EQ(set.code(), StatusCode::kOutOfMemory);
        EXPECT_THAT(set.status().message(), HasSubstr("max_index_memory"));
        return i;
      }
    }
    ADD_FAILURE() << "nothing was refused";
    return 0;
  }
  void pass(std::int64_t ms) {
    clock_.advance_ms(ms);
    ASSERT_TRUE(store_->transact([](Transaction&) {}));
  }
  Status transact(const std::function<void(Transaction&)>& body) { return store_->transact(body); }

  std::deque<std::string> keys_;
  SimClock clock_;
  SimFileSystem disk_;
  Options options_;
  std::vector<std::string> log_;
  std::unique_ptr<Store> store_;
};

TEST_F(IndexLimitTest, KeysAreAddedUpToTheLimitAndNotBeyond) {
  open();
  const int first_refused = fill();
  const Stats stats = store_->stats();
  EXPECT_EQ(stats.keys, static_cast<std::uint64_t>(first_refused));
  EXPECT_LE(stats.index_bytes, kLimit + kLimit / 20);
  EXPECT_GE(stats.index_bytes, kLimit - kLimit / 20);
  EXPECT_TRUE(stats.index_full);
  EXPECT_EQ(stats.refused_index_full, 1u);
  EXPECT_FALSE(store_->exists(key(first_refused)));
}

TEST_F(IndexLimitTest, OverwritesDeletesAndExpiriesPass) {
  open();
  const int full = fill();
  EXPECT_TRUE(store_->set(key(0), std::string(10'000, 'x')));
  EXPECT_TRUE(transact([&](Transaction& t) { t.set_expiry(key(1), t.now_ms() + 1000); }));
  EXPECT_TRUE(transact([&](Transaction& t) {  // renamed
    t.remove(key(2));
    t.put(key(full), "v");
  }));
  EXPECT_EQ(store_->get(key(full))->data, "v");
  EXPECT_FALSE(store_->set(key(full + 1), "v"));
  EXPECT_TRUE(*store_->remove(key(3)));
  for (int i = 100; i < 110; ++i) EXPECT_TRUE(*store_->remove(key(i)));
  EXPECT_TRUE(store_->set(key(full + 1), "v"));
}

// A first expiry takes memory as well, and each key may get one.
TEST_F(IndexLimitTest, ExpiriesGoOnForAnEighthOfTheLimit) {
  open();
  const int keys = fill();
  const auto set_expiry = [&](int i, std::int64_t in_ms) {
    return transact([&](Transaction& t) { t.set_expiry(key(i), t.now_ms() + in_ms); });
  };
  int with_expiry = 0;
  while (with_expiry < keys) {
    if (!set_expiry(with_expiry, 1'000'000 + with_expiry)) break;
    ++with_expiry;
  }
  ASSERT_LT(with_expiry, keys) << "nothing was refused";
  EXPECT_GT(with_expiry, keys / 10);
  EXPECT_GT(store_->stats().index_bytes, kLimit);
  EXPECT_LT(store_->stats().index_bytes, kLimit + kLimit / 7);
  // What is there may be changed, taken away and deleted.
  EXPECT_TRUE(set_expiry(0, 5'000'000));
  EXPECT_TRUE(store_->set(key(keys - 1), "w"));
  EXPECT_TRUE(transact([&](Transaction& t) { t.set_expiry(key(0), kNoExpiry); }));
  EXPECT_TRUE(store_->remove(key(1)));
}

TEST_F(IndexLimitTest, ABatchIsRefusedAsAWhole) {
  open();
  const int full = fill();
  WriteBatch batch;
  batch.set(key(0), "new").remove(key(1)).set("one more", "v");
  for (int i = 0; i < 5; ++i) batch.set(key(full + i), "v");
  EXPECT_EQ(store_->write(batch).code(), StatusCode::kOutOfMemory);
  EXPECT_EQ(store_->get(key(0))->data, "v");
  EXPECT_TRUE(store_->exists(key(1)));
  EXPECT_FALSE(store_->exists("one more"));
  EXPECT_EQ(store_->size(), static_cast<std::uint64_t>(full));
  // Large enough for all of the room at once, while there is plenty.
  ASSERT_TRUE(store_->clear());
  WriteBatch much;
  for (int i = 0; i < 2 * full; ++i) much.set(key(i), "v");
  EXPECT_EQ(store_->write(much).code(), StatusCode::kOutOfMemory);
  EXPECT_EQ(store_->size(), 0u);
}

TEST_F(IndexLimitTest, OneOfAGroupIsRefusedAndTheOthersAreCarriedOut) {
  open();
  const int full = fill();
  class Put final : public engine::BlockingTask {
   public:
    explicit Put(std::string key) : key_(std::move(key)) {}
    void execute(Transaction& transaction) override { transaction.put(key_, "new"); }

   private:
    std::string key_;
  };
  Put first(key(0)), refused(key(full)), last(key(1));
  WriteTask* const tasks[] = {&first, &refused, &last};
  store_->submit(tasks);
  EXPECT_TRUE(first.wait());
  EXPECT_EQ(refused.wait().code(), StatusCode::kOutOfMemory);
  EXPECT_TRUE(last.wait());
  EXPECT_EQ(store_->get(key(0))->data, "new");
  EXPECT_EQ(store_->get(key(1))->data, "new");
  EXPECT_FALSE(store_->exists(key(full)));
  ASSERT_TRUE(store_->close());
  open();
  EXPECT_EQ(store_->get(key(1))->data, "new");
  EXPECT_EQ(store_->size(), static_cast<std::uint64_t>(full));
}

TEST_F(IndexLimitTest, AllKeysDeletedAndNewOnesInOneTransaction) {
  open();
  (void)fill();
  EXPECT_TRUE(transact([&](Transaction& t) {
    t.remove_all();
    t.put("new", "v");
  }));
  EXPECT_EQ(store_->size(), 1u);
  const int full = fill();
  EXPECT_TRUE(transact([&](Transaction& t) {
    (void)t.remove_range(key(0), key(100));
    for (int i = 0; i < 20; ++i) t.put(key(full + i), "v");
  }));
}

TEST_F(IndexLimitTest, ItIsToldWhenItBeginsAndWhenThereIsRoomAgain) {
  open();
  const int full = fill();
  for (int i = 0; i < 100; ++i) (void)store_->set(key(full + i), "v");
  EXPECT_THAT(log_, ElementsAre(HasSubstr("writes that add keys are refused")));
  log_.clear();
  for (int i = 0; i < 20; ++i) pass(1000);
  EXPECT_THAT(log_, IsEmpty());
  for (int i = 0; i < full / 2; ++i) ASSERT_TRUE(store_->remove(key(i)));
  for (int i = 0; i < 20; ++i) pass(1000);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("there is room for keys again")));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("101 writes were refused")));
  EXPECT_FALSE(store_->stats().index_full);
}

TEST_F(IndexLimitTest, AStoreThatHasMoreIsOpenedAndSaysSo) {
  options_.max_index_bytes = 0;
  open();
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(store_->set(key(i), "v"));
  ASSERT_TRUE(store_->close());
  options_.max_index_bytes = kLimit;
  open();
  EXPECT_EQ(store_->size(), 10'000u);
  EXPECT_TRUE(store_->stats().index_full);
  EXPECT_EQ(store_->set("one more", "v").code(), StatusCode::kOutOfMemory);
  EXPECT_TRUE(store_->set(key(7), "new"));
  EXPECT_TRUE(*store_->remove(key(8)));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("writes that add keys are refused")));
}

TEST_F(IndexLimitTest, ALimitThatIsFarAwayIsMetAllTheSame) {
  constexpr std::uint64_t kFar = 80 * kMiB;  // beyond what is counted from the first key on
  options_.max_index_bytes = kFar;
  options_.segment_size = 64 * kMiB;
  open();
  std::uint64_t keys = 0;
  for (bool fits = true; fits && keys < 10'000'000;) {
    WriteBatch batch;
    for (int i = 0; i < 1000; ++i)
      batch.set(fmt::format("{}{}", std::string(900, 'k'), keys + static_cast<std::uint64_t>(i)), "");
    fits = store_->write(batch).is_ok();
    if (fits) keys += 1000;
  }
  EXPECT_EQ(store_->size(), keys);
  EXPECT_LE(store_->stats().index_bytes, kFar + kMiB);
  EXPECT_GE(store_->stats().index_bytes, kFar - 2 * kMiB);
}

// What a group has added counts, though its memory is given back when the group has been so large.
TEST_F(IndexLimitTest, ALimitThatIsFarAwayIsMetByLargeGroups) {
  constexpr std::uint64_t kFar = 112 * kMiB;
  constexpr int kKeys = 64 * 1024;
  options_.max_index_bytes = kFar;
  options_.segment_size = 64 * kMiB;
  open();
  std::uint64_t batches = 0;
  for (bool fits = true; fits && batches < 20;) {
    WriteBatch batch;
    for (int i = 0; i < kKeys; ++i) batch.set(fmt::format("{}{:02}{}", std::string(90, 'k'), batches, i), "");
    fits = store_->write(batch).is_ok();
    if (fits) ++batches;
  }
  EXPECT_EQ(store_->size(), batches * kKeys);
  EXPECT_LE(store_->stats().index_bytes, kFar + kMiB);
}

TEST_F(IndexLimitTest, ALimitThatIsFarAwayHoldsAfterARestart) {
  constexpr std::uint64_t kFar = 80 * kMiB;
  options_.max_index_bytes = 0;
  options_.segment_size = 64 * kMiB;
  open();
  WriteBatch batch;
  for (int i = 0; i < 100'000; ++i) batch.set(fmt::format("{}{}", std::string(900, 'k'), i), "");
  ASSERT_TRUE(store_->write(batch));
  ASSERT_GT(store_->stats().index_bytes, kFar);
  ASSERT_TRUE(store_->close());
  options_.max_index_bytes = kFar;
  open();
  EXPECT_EQ(store_->set("one more", "v").code(), StatusCode::kOutOfMemory);
  EXPECT_TRUE(*store_->remove(fmt::format("{}0", std::string(900, 'k'))));
}

}  // namespace
}  // namespace minikv::sim
