// The store as its users see it, on a real directory.

#include "minikv/store.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/store_fixture.h"

namespace minikv {
namespace {

class StoreTest : public test::StoreFixture {
 protected:
  std::string keys(const ScanOptions& scan) {
    std::string joined;
    const ScanPage page = store_->scan(scan);
    for (const ScanItem& item : page.items)
      joined += item.key + (scan.with_values ? "=" + item.value.data : "") + " ";
    return joined + (page.more ? "more" : "end");
  }
};

TEST_F(StoreTest, WhatWasSetIsThereAlsoAfterReopening) {
  open();
  set("name", "Alice");
  set("empty", "");
  set("", "the empty key");
  const std::string bytes("\0\r\n\xff", 4);
  set(bytes, bytes);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(get("name"), "Alice");
    EXPECT_EQ(get("empty"), "");
    EXPECT_EQ(get(""), "the empty key");
    EXPECT_EQ(get(bytes), bytes);
    EXPECT_EQ(get("nobody"), kMissing);
    EXPECT_EQ(store_->size(), 4u);
    open();
  }
}

TEST_F(StoreTest, RemoveSaysWhetherThereWasOneAndStaysRemoved) {
  open();
  set("a", "1");
  EXPECT_TRUE(*store_->remove("a"));
  EXPECT_FALSE(*store_->remove("a"));
  EXPECT_EQ(get("a"), kMissing);
  open();
  EXPECT_EQ(get("a"), kMissing);
}

TEST_F(StoreTest, VersionsGrowAndAreNeverGivenTwiceAlsoAcrossReopening) {
  open();
  std::uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    for (const char* key : {"a", "b", "a"}) {
      const std::uint64_t version = *store_->set(key, "x");
      EXPECT_GT(version, last);
      last = version;
      EXPECT_EQ(store_->get(key)->version, version);
    }
    open();
    EXPECT_EQ(store_->get("a")->version, last);
  }
}

TEST_F(StoreTest, ScansGoInByteOrderBothWaysAndPage) {
  open();
  for (const char* key : {"b", "a", "ab", "\xff", "aa", "c"}) set(key, std::string("v") + key);
  ScanOptions all;
  all.with_values = false;
  EXPECT_EQ(keys(all), "a aa ab b c \xff end");
  all.reverse = true;
  EXPECT_EQ(keys(all), "\xff c b ab aa a end");
  all.limit = 2;
  all.after = "b";
  EXPECT_EQ(keys(all), "ab aa more");
  all.after = "aa";
  EXPECT_EQ(keys(all), "a end");

  ScanOptions prefix;
  prefix.prefix = "a";
  EXPECT_EQ(keys(prefix), "a=va aa=vaa ab=vab end");
  prefix.after = "a";
  prefix.limit = 1;
  EXPECT_EQ(keys(prefix), "aa=vaa more");
  prefix.after = "aa";
  EXPECT_EQ(keys(prefix), "ab=vab end");
  prefix.prefix = "\xff";
  prefix.after.reset();
  EXPECT_EQ(keys(prefix), "\xff=v\xff end");

  ScanOptions range;
  range.from = "aa";
  range.to = "c";
  range.with_values = false;
  EXPECT_EQ(keys(range), "aa ab b end");
  range.reverse = true;
  EXPECT_EQ(keys(range), "b ab aa end");
}

TEST_F(StoreTest, AScanStopsAtItsByteLimitButNotBeforeTheFirst) {
  open();
  for (const char* key : {"a", "b", "c"}) set(key, std::string(100, 'x'));
  ScanOptions scan;
  scan.max_bytes = 1;
  EXPECT_EQ(store_->scan(scan).items.size(), 1u);
  EXPECT_TRUE(store_->scan(scan).more);
  scan.max_bytes = 1000;
  EXPECT_EQ(store_->scan(scan).items.size(), 3u);
}

TEST_F(StoreTest, ABatchHappensWhole) {
  open();
  set("old", "1");
  WriteBatch batch;
  batch.set("a", "1").set("b", "2").remove("old").set("a", "3");
  ASSERT_TRUE(store_->write(batch));
  open();
  EXPECT_EQ(get("a"), "3");
  EXPECT_EQ(get("b"), "2");
  EXPECT_EQ(get("old"), kMissing);
}

TEST_F(StoreTest, ATransactionSeesItsOwnChanges) {
  open();
  set("n", "1");
  const std::string two = "2";
  ASSERT_TRUE(store_->transact([&](Transaction& transaction) {
    EXPECT_EQ(transaction.get("n")->data, "1");
    transaction.put("n", two);
    EXPECT_EQ(transaction.get("n")->data, "2");
    EXPECT_TRUE(transaction.remove("n"));
    EXPECT_FALSE(transaction.find("n"));
    transaction.put("n", two);
  }));
  EXPECT_EQ(get("n"), "2");
}

TEST_F(StoreTest, ExpiredKeysAreGoneAndAnExpiryKeepsTheVersion) {
  open();
  const std::int64_t now = store_->now_ms();
  ASSERT_TRUE(store_->set("gone", "x", now - 1));
  const std::uint64_t version = *store_->set("later", "x", now + 3'600'000);
  EXPECT_EQ(get("gone"), kMissing);
  EXPECT_FALSE(store_->exists("gone"));
  ASSERT_TRUE(store_->transact([&](Transaction& t) { EXPECT_TRUE(t.set_expiry("later", now + 7'200'000)); }));
  for (int round = 0; round < 3; ++round) {
    auto later = store_->get("later");
    ASSERT_TRUE(later) << later.status().message();
    EXPECT_EQ(later->version, version);
    EXPECT_EQ(later->expiry_ms, now + 7'200'000);
    if (round == 1) {
      ASSERT_TRUE(store_->compact());
    }
    open();
  }
}

TEST_F(StoreTest, WritersAndReadersOfManyThreadsSeeWholeBatches) {
  open();
  std::vector<std::thread> threads;
  std::atomic<bool> stop{false};
  for (int writer = 0; writer < 3; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < 300; ++i) {
        const std::string value = std::to_string(writer) + ":" + std::to_string(i);
        WriteBatch batch;
        batch.set("a", value).set("b", value);
        ASSERT_TRUE(store_->write(batch));
      }
    });
  }
  std::thread compactor([&] {
    while (!stop) ASSERT_TRUE(store_->compact());
  });
  std::thread reader([&] {
    const std::string_view wanted[] = {"a", "b"};
    while (!stop) {
      auto values = store_->multi_get(wanted);
      ASSERT_EQ(values[0].is_ok(), values[1].is_ok());
      if (values[0]) {
        ASSERT_EQ(values[0]->data, values[1]->data);
      }
    }
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  reader.join();
  compactor.join();
}

TEST_F(StoreTest, ASecondStoreOnTheSameDirectoryIsRefused) {
  open();
  EXPECT_EQ(Store::open(directory_, options_).code(), StatusCode::kLocked);
}

TEST_F(StoreTest, ADirectoryOfSomebodyElseIsRefusedAndUntouched) {
  std::filesystem::create_directories(directory_);
  {
    FILE* file = fopen((directory_ + "/thesis.txt").c_str(), "w");
    ASSERT_NE(file, nullptr);
    fclose(file);
  }
  auto refused = Store::open(directory_, options_);
  ASSERT_EQ(refused.code(), StatusCode::kRefused);
  EXPECT_NE(refused.status().message().find("thesis.txt"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/LOCK"));
}

TEST_F(StoreTest, SizesBeyondTheLimitsAreRefusedBeforeAnythingIsWritten) {
  options_.max_value_bytes = 1000;
  options_.max_batch_bytes = 2000;
  open();
  EXPECT_EQ(store_->set(std::string(65'536, 'k'), "v").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->set("k", std::string(1001, 'v')).code(), StatusCode::kInvalidArgument);
  WriteBatch batch;
  for (int i = 0; i < 3; ++i) batch.set("k", std::string(1000, 'v'));
  EXPECT_EQ(store_->write(batch).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->size(), 0u);
  EXPECT_TRUE(store_->set(std::string(65'535, 'k'), std::string(1000, 'v')));
}

TEST_F(StoreTest, ARecordLargerThanASegmentIsStored) {
  open();
  const std::string large(5 * kMiB, 'L');
  set("before", "1");
  set("large", large);
  set("after", "2");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(get("large"), large);
    EXPECT_EQ(get("after"), "2");
    open();
  }
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(get("large"), large);
}

TEST_F(StoreTest, EveryModeKeepsWhatWasAcknowledgedAcrossACleanClose) {
  for (const Fsync mode : {Fsync::kAlways, Fsync::kInterval, Fsync::kNever}) {
    options_.fsync = mode;
    options_.fsync_interval_ms = 5;
    open();
    for (int i = 0; i < 200; ++i) set("k" + std::to_string(i), std::to_string(static_cast<int>(mode)));
    open();
    for (int i = 0; i < 200; ++i)
      EXPECT_EQ(get("k" + std::to_string(i)), std::to_string(static_cast<int>(mode)));
  }
}

TEST_F(StoreTest, DamageWithoutANameIsRefusedUntilTheLossIsAcceptedInSoManyWords) {
  open();
  for (const char* key : {"first-key", "second-key", "third-key"}) set(key, "value");
  ASSERT_TRUE(store_->close());
  store_.reset();
  std::string hint;
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    if (file.path().extension() == ".hint") hint = file.path();
    if (file.path().extension() != ".dat") continue;
    std::fstream segment(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(segment)), std::istreambuf_iterator<char>());
    const auto at = bytes.find("second-key");
    if (at == std::string::npos) continue;
    segment.clear();
    segment.seekp(static_cast<std::streamoff>(at));
    segment.put('S');
  }
  // The hint still knows the name.
  open();
  EXPECT_EQ(store_->get("second-key").code(), StatusCode::kCorruption);
  ASSERT_TRUE(store_->close());
  store_.reset();

  ASSERT_TRUE(std::filesystem::remove(hint));
  auto refused = Store::open(directory_, options_);
  ASSERT_EQ(refused.code(), StatusCode::kRefused);
  EXPECT_NE(refused.status().message().find("segment-"), std::string::npos);
  EXPECT_NE(refused.status().message().find("offset"), std::string::npos);
  EXPECT_NE(refused.status().message().find("--accept-data-loss"), std::string::npos);

  options_.accept_data_loss = true;
  for (int round = 0; round < 2; ++round) {
    open();
    EXPECT_EQ(get("first-key"), "value");
    EXPECT_EQ(get("second-key"), kMissing);
    EXPECT_EQ(get("third-key"), "value");
    options_.accept_data_loss = false;  // what was accepted is written down
  }
}

TEST_F(StoreTest, ClosingLetsGoOfTheDirectory) {
  open();
  set("a", "1");
  ASSERT_TRUE(store_->close());
  auto next = Store::open(directory_, options_);
  ASSERT_TRUE(next) << next.status().message();
  EXPECT_EQ((*next)->get("a")->data, "1");
}

TEST_F(StoreTest, AfterCloseEverythingAnswersShutdown) {
  open();
  ASSERT_TRUE(store_->close());
  EXPECT_EQ(store_->get("a").code(), StatusCode::kShutdown);
  EXPECT_EQ(store_->set("a", "b").code(), StatusCode::kShutdown);
  EXPECT_EQ(store_->compact().code(), StatusCode::kShutdown);
  EXPECT_EQ(store_->close().code(), StatusCode::kShutdown);
}

}  // namespace
}  // namespace minikv
