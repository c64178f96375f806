// What a transaction sees of the store and of its own changes: walks and counts against a std::map that does
// the same.
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv {
namespace {

using Model = std::map<std::string, std::string>;

class TransactionTest : public testing::Test {
 protected:
  TransactionTest() {
    Options options;
    options.segment_size = 4 * kMiB;
    options.single_threaded = true;
    options.file_system = &files_;
    options.clock = &clock_;
    auto opened = Store::open("data", options);
    EXPECT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }

  static std::vector<std::string> keys_of(const ScanPage& page) {
    std::vector<std::string> keys;
    for (const ScanItem& item : page.items) keys.push_back(item.key);
    return keys;
  }
  // What a walk over the model finds.
  static std::vector<std::string> expected(const Model& model, const ScanOptions& options) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : model) {
      if (key < options.from || (options.to && key >= *options.to) || !key.starts_with(options.prefix))
        continue;
      if (options.after && (options.reverse ? key >= *options.after : key <= *options.after)) continue;
      keys.push_back(key);
    }
    if (options.reverse) std::reverse(keys.begin(), keys.end());
    if (keys.size() > options.limit) keys.resize(options.limit);
    return keys;
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  std::unique_ptr<Store> store_;
};

std::string some_key(std::mt19937_64& random) { return "k" + std::to_string(random() % 40); }

ScanOptions some_walk(std::mt19937_64& random) {
  ScanOptions options;
  options.reverse = random() % 2 == 0;
  options.limit = random() % 3 == 0 ? random() % 5 + 1 : 1'000;
  if (random() % 2 == 0) options.from = some_key(random);
  if (random() % 2 == 0) options.to = some_key(random);
  if (random() % 3 == 0) options.prefix = "k" + std::to_string(random() % 4);
  if (random() % 3 == 0) options.after = some_key(random);
  return options;
}

TEST_F(TransactionTest, WalksSeeTheStoreAndItsOwnChanges) {
  std::mt19937_64 random(3);
  Model model;
  for (int round = 0; round < 600; ++round) {
    // What is put must stay as it is until the transaction is over.
    std::vector<std::unique_ptr<std::string>> kept;
    const auto keep = [&](std::string text) -> const std::string& {
      return *kept.emplace_back(std::make_unique<std::string>(std::move(text)));
    };
    ASSERT_TRUE(store_->transact([&](Transaction& transaction) {
      for (std::uint64_t i = random() % 8; i != 0; --i) {
        const std::string& key = keep(some_key(random));
        switch (random() % 12) {
          case 0:
            transaction.remove_all();
            model.clear();
            break;
          case 1: {
            const std::string& to = keep(some_key(random));
            transaction.remove_range(key, to);
            if (key < to) model.erase(model.lower_bound(key), model.lower_bound(to));
            break;
          }
          case 2:
          case 3: EXPECT_EQ(transaction.remove(key), model.erase(key) == 1); break;
          default: transaction.put(key, key); model[key] = key;
        }
        const ScanOptions options = some_walk(random);
        const ScanPage page = transaction.scan(options);
        const auto wanted = expected(model, options);
        ASSERT_EQ(keys_of(page), wanted);
        ScanOptions unlimited = options;
        unlimited.limit = SIZE_MAX;
        EXPECT_EQ(page.more, expected(model, unlimited).size() > wanted.size());
        EXPECT_EQ(transaction.size(), model.size());
        for (const std::string& seen : transaction.walk_unordered(0, 1'000).keys)
          EXPECT_TRUE(model.contains(seen));
      }
    }));
    ASSERT_EQ(store_->size(), model.size()) << round;
    ASSERT_EQ(keys_of(store_->scan({})), expected(model, {})) << round;
    for (const auto& [key, value] : model) ASSERT_EQ(store_->get(key)->data, value);
  }
}

TEST_F(TransactionTest, SaysHowMuchRoomIsLeftOfABatch) {
  const std::string value(1'000'000, 'v');
  ASSERT_TRUE(store_->transact([&](Transaction& transaction) {
    const std::uint64_t before = transaction.room();
    EXPECT_EQ(before, store_->options().max_batch_bytes);
    transaction.put("key", value);
    EXPECT_LE(transaction.room(), before - value.size());
    EXPECT_GE(transaction.room(), before - value.size() - 1'000);
  }));
}

// Not the version, which an expiry leaves as it is.
TEST_F(TransactionTest, EveryWriteToAKeyChangesItsSequence) {
  ASSERT_TRUE(store_->set("key", "value"));
  ASSERT_TRUE(store_->transact([&](Transaction& transaction) {
    const auto before = transaction.find("key");
    ASSERT_TRUE(before);
    EXPECT_EQ(before->sequence, before->version);
    transaction.set_expiry("key", transaction.now_ms() + 10'000);
    const auto after = transaction.find("key");
    ASSERT_TRUE(after);
    EXPECT_GT(after->sequence, before->sequence);
    EXPECT_EQ(after->version, before->version);
  }));
}

}  // namespace
}  // namespace minikv
