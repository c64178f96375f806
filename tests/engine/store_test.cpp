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

#include "tests/support/sim_run.h"

namespace minikv {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "minikv-store-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    options_.segment_size = kMiB;
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    store_.reset();
    auto opened = Store::open(directory_, options_);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  void set(std::string_view key, std::string_view value) {
    auto version = store_->set(key, value);
    ASSERT_TRUE(version) << version.status().message();
  }
  // The value, or "(code)".
  std::string get(std::string_view key) {
    auto value = store_->get(key);
    return value ? value->data : "(" + std::to_string(static_cast<int>(value.code())) + ")";
  }
  std::string keys(const ScanOptions& scan) {
    std::string joined;
    const ScanPage page = store_->scan(scan);
    for (const ScanItem& item : page.items)
      joined += item.key + (scan.with_values ? "=" + item.value.data : "") + " ";
    return joined + (page.more ? "more" : "end");
  }

  // Bytes of all files, while the store may be adding and removing some.
  std::uint64_t on_disk() const {
    std::uint64_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory_)) {
      std::error_code gone;
      const std::uint64_t size = file.file_size(gone);
      if (!gone) bytes += size;
    }
    return bytes;
  }

  static inline const std::string kMissing =
      "(" + std::to_string(static_cast<int>(StatusCode::kNotFound)) + ")";

  Options options_;
  std::string directory_;
  std::unique_ptr<Store> store_;
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

TEST_F(StoreTest, CompactionKeepsWhatLivesAndGivesBackTheRest) {
  open();
  const std::string value(10'000, 'v');
  for (int round = 0; round < 5; ++round) {
    for (int key = 0; key < 100; ++key) set("key" + std::to_string(key), value + std::to_string(round));
  }
  for (int key = 50; key < 100; ++key) ASSERT_TRUE(*store_->remove("key" + std::to_string(key)));
  auto result = store_->compact();
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_GT(store_->stats().reclaimed_bytes, 4'000'000u);  // some of it by the compaction in the background
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(store_->size(), 50u);
    for (int key = 0; key < 100; ++key) {
      EXPECT_EQ(get("key" + std::to_string(key)), key < 50 ? value + "4" : kMissing);
    }
    EXPECT_LT(store_->stats().live_bytes, 600'000u);
    open();
  }
  EXPECT_LT(on_disk(), 600'000u + 3 * options_.segment_size);
}

TEST_F(StoreTest, CompactionRunsByItselfAndGivesSpaceBack) {
  options_.fsync = Fsync::kNever;
  options_.compaction_threshold = 1;
  open();
  // 64 MiB of overwrites of 1 MiB of live data.
  const std::string value(16 * 1024, 'v');
  for (int round = 0; round < 64; ++round) {
    for (int key = 0; key < 64; ++key) set("key" + std::to_string(key), value + std::to_string(round));
  }
  // The last segments settle in the background.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (on_disk() > 12 * kMiB && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_LE(on_disk(), 12 * kMiB);
  EXPECT_GT(store_->stats().compactions, 0u);
  for (int key = 0; key < 64; ++key) EXPECT_EQ(get("key" + std::to_string(key)), value + "63");
}

// The promise about space, in its own figures.
TEST_F(StoreTest, AGibibyteOfOverwritesSettlesUnderThreeTimesWhatIsAliveAndTwoSegments) {
  constexpr std::uint64_t kKeys = 1280, kValueBytes = 8 * 1024;  // 10 MiB
  const std::uint64_t rounds = sim::scaled_rounds(102);          // 1 GiB
  options_.fsync = Fsync::kNever;
  options_.segment_size = 8 * kMiB;
  open();
  const std::string filler(kValueBytes - 16, 'v');
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (std::uint64_t first = 0; first < kKeys; first += 64) {
      WriteBatch batch;
      for (std::uint64_t key = first; key < first + 64; ++key) {
        batch.set("key" + std::to_string(key), filler + std::to_string(round));
      }
      ASSERT_TRUE(store_->write(batch));
    }
  }
  const std::uint64_t bound = 3 * kKeys * kValueBytes + 2 * options_.segment_size;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const auto most = [&] { return std::max(on_disk(), store_->stats().disk_bytes); };
  while (most() > bound && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_LE(on_disk(), bound);
  EXPECT_LE(store_->stats().disk_bytes, bound);
  EXPECT_EQ(get("key7"), filler + std::to_string(rounds - 1));
}

TEST_F(StoreTest, SeveralCompactorsWorkBesideWritersOnDifferentSegments) {
  options_.fsync = Fsync::kNever;
  options_.compaction_threads = 4;
  open();
  const std::string filler(2000, 'v');
  for (int round = 0; round < 30; ++round) {
    for (int key = 0; key < 300; ++key) {
      ASSERT_TRUE(store_->set("key" + std::to_string(key), filler + std::to_string(round)));
    }
    ASSERT_TRUE(store_->remove("key" + std::to_string(round)));
  }
  for (int key = 0; key < 300; ++key) {
    EXPECT_EQ(get("key" + std::to_string(key)), key == 29 ? kMissing : filler + "29");
  }
  EXPECT_GT(store_->stats().compactions, 0u);
  open();
  for (int key = 0; key < 300; ++key) {
    EXPECT_EQ(get("key" + std::to_string(key)), key == 29 ? kMissing : filler + "29");
  }
}

TEST_F(StoreTest, ARateLimitSlowsCompactionAndNothingElse) {
  options_.fsync = Fsync::kNever;
  options_.compaction_threshold = 0;
  const auto compaction_ms = [&](std::uint64_t limit) {
    options_.compaction_rate_limit = limit;
    open();
    for (int key = 0; key < 200; ++key) set("key" + std::to_string(key), std::string(10'000, 'v'));
    const auto result = store_->compact();
    EXPECT_TRUE(result) << result.status().message();
    return result.is_ok() ? result->duration_ms : 0;
  };
  // 2 MB in the log (and what the first round left) at 4 MB a second.
  EXPECT_LT(compaction_ms(0), 450u);
  EXPECT_GE(compaction_ms(4'000'000), 450u);
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
