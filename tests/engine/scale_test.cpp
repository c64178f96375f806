// Millions of keys: what the index takes, how fast it is walked, and that neither a long walk nor a million
// keys that expire in the same second hold up anybody. Prints its figures; docs/TESTING.md has some. The
// limits are for release builds; with sanitizers or without optimization there are fewer keys, and time is
// only reported.

#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/index/index.h"
#include "minikv/store.h"
#include "tests/support/latencies.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_run.h"
#include "tests/support/test_scale.h"

namespace minikv {
namespace {

using test::key_of;
using test::kIsRelease;
using test::kIsSanitized;
using test::Latencies;
using test::Traffic;

constexpr std::uint64_t kIndexKeys = kIsRelease ? 5'000'000 : 300'000;
constexpr std::uint64_t kStoreKeys = kIsRelease ? 1'000'000 : 20'000;
// No call may take longer than this beyond three times what the longest took with nothing else going on: a
// busy machine stops threads for tens of milliseconds by itself. Holding the lock for all of a walk or an
// expiry would take seconds.
constexpr double kMaxWaitMs = kIsRelease ? 50 : 5'000;
constexpr auto kQuietTime = std::chrono::seconds(kIsRelease ? 3 : 1);
constexpr double kScanKeysPerSecond = 1'000'000;
constexpr double kMaxRemovalMs = 10'000;

double thread_cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Of this process in memory: what it has allocated, files aside.
std::size_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "RssAnon:") {
  }
  std::size_t kilobytes = 0;
  status >> kilobytes;
  return kilobytes * 1024;
}

void expect_not_held_up(const Latencies& calls, const Latencies& when_quiet) {
  EXPECT_LT(calls.longest(), 3 * when_quiet.longest() + kMaxWaitMs);
}

// ---- the index ----

TEST(IndexScaleTest, TakesAtMost64BytesAKeyBesideTheKey) {
  if (kIsSanitized) GTEST_SKIP() << "the sanitizer's allocator is another one";
  malloc_trim(0);  // what other tests of this process have freed would not count
  const std::size_t before = anonymous_bytes();
  engine::Index index;
  for (std::uint64_t i = 0; i < kIndexKeys; ++i) {
    engine::Location location;
    location.sequence = location.version = i + 1;
    index.put(key_of(i), location);
  }
  ASSERT_EQ(index.size(), kIndexKeys);
  const double keys = static_cast<double>(kIndexKeys);
  const double measured = static_cast<double>(anonymous_bytes() - before) / keys;
  const double estimated = static_cast<double>(index.memory_bytes()) / keys;
  fmt::print(
      "{} keys of 16 bytes: {:.1f} bytes a key beside the key's own, {:.1f} by the index's own estimate\n",
      kIndexKeys, measured - 16, estimated - 16);
  EXPECT_LE(measured - 16, 64);
  EXPECT_NEAR(estimated / measured, 1, 0.15);
}

// ---- the store ----

class StoreScaleTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "minikv-scale-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    options_.fsync = Fsync::kNever;
    options_.clock = &clock_;  // stands still, so that no key expires before it is told to
    auto opened = Store::open(directory_, options_);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  void fill(const std::string& prefix, std::uint64_t keys, std::int64_t expiry_ms = kNoExpiry) {
    WriteBatch batch;
    for (std::uint64_t i = 0; i < keys; ++i) {
      batch.set(prefix + key_of(i), "v", expiry_ms);
      if (batch.size() < 1000 && i + 1 < keys) continue;
      ASSERT_TRUE(store_->write(batch));
      batch.clear();
    }
  }
  // Walks over all of it, a page at a time, and says how many keys there were.
  std::uint64_t walk(ScanOptions options) {
    options.with_values = false;
    std::uint64_t keys = 0;
    const double begin_ms = thread_cpu_ms();
    for (bool more = true; more;) {
      const ScanPage page = store_->scan(options);
      keys += page.items.size();
      more = page.more;
      if (more) options.after = page.items.back().key;
    }
    const double rate = static_cast<double>(keys) / (thread_cpu_ms() - begin_ms) * 1e3;
    fmt::print("  {} keys, pages of {}, {}{}: {:.2f} million keys a second\n", keys, options.limit,
               options.prefix.empty() ? "range" : "prefix", options.reverse ? ", backwards" : "", rate / 1e6);
    if (kIsRelease) {
      EXPECT_GE(rate, kScanKeysPerSecond);
    }
    return keys;
  }

  std::string directory_;
  Options options_;
  sim::SimClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreScaleTest, WalksAMillionKeysASecondInEveryDirection) {
  fill("a:", 1000);
  fill("user:", kStoreKeys);
  fill("z:", 1000);
  for (const bool reverse : {false, true}) {
    for (const std::size_t limit : {std::size_t{1000}, std::size_t{10'000}}) {
      ScanOptions options;
      options.reverse = reverse;
      options.limit = limit;
      options.max_bytes = 1024 * kMiB;
      EXPECT_EQ(walk(options), kStoreKeys + 2000);
      options.prefix = "user:";
      EXPECT_EQ(walk(options), kStoreKeys);
      options.prefix.clear();
      options.from = "b";
      options.to = "zz";
      EXPECT_EQ(walk(options), kStoreKeys + 1000);
    }
  }
}

std::function<bool()> after(std::chrono::steady_clock::duration time) {
  return [end = std::chrono::steady_clock::now() + time] { return std::chrono::steady_clock::now() >= end; };
}

TEST_F(StoreScaleTest, AWalkOverEverythingHoldsUpNoWriterAndNoReader) {
  const test::TrafficKeys users{"user:", 10'000, "user:", 10'000};
  fill("user:", kStoreKeys);
  Traffic quiet(*store_, users, after(kQuietTime));
  std::atomic<bool> walked{false};
  std::thread walker([&] {
    ScanOptions options;
    options.with_values = false;
    options.limit = kStoreKeys * 2;
    options.max_bytes = 1024 * kMiB;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(store_->scan(options).items.size(), kStoreKeys);
    walked = true;
  });
  Traffic beside(*store_, users, [&] { return walked.load(); });
  walker.join();
  if (beside.writes.is_empty() || beside.reads.is_empty())
    return;  // the walks were over before there was any
  fmt::print("walks over {} keys\n", kStoreKeys);
  quiet.print("without");
  beside.print("beside them");
  expect_not_held_up(beside.writes, quiet.writes);
  expect_not_held_up(beside.reads, quiet.reads);
}

TEST_F(StoreScaleTest, AMillionKeysThatExpireInTheSameSecondHoldUpNobody) {
  constexpr std::uint64_t kStaying = 10'000;
  const test::TrafficKeys staying{"stays:", kStaying, "stays:", kStaying};
  fill("stays:", kStaying);
  const std::uint64_t empty_bytes = store_->stats().index_bytes;
  fill("goes:", kStoreKeys, store_->now_ms() + 1000);
  ASSERT_EQ(store_->size(), kStaying + kStoreKeys);
  const std::uint64_t full_bytes = store_->stats().index_bytes;
  Traffic quiet(*store_, staying, after(kQuietTime));

  clock_.advance_ms(1000);
  EXPECT_FALSE(store_->exists("goes:" + key_of(kStoreKeys - 1)));  // collected or not
  const auto begin = std::chrono::steady_clock::now();
  const auto too_late = after(std::chrono::minutes(2));
  std::uint64_t asked = 0;
  Traffic meanwhile(*store_, staying, [&] {
    return ++asked % 100 == 0 && (store_->stats().keys_with_expiry == 0 || too_late());
  });
  const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const Stats stats = store_->stats();
  EXPECT_EQ(stats.keys, kStaying);
  EXPECT_EQ(stats.keys_with_expiry, 0u);
  EXPECT_EQ(stats.expired_keys, kStoreKeys);
  EXPECT_LT(stats.index_bytes, empty_bytes + (full_bytes - empty_bytes) / (kIsRelease ? 10 : 4));
  fmt::print("{} keys expired and gone in {:.2f} s, the index from {:.1f} to {:.1f} MB\n", kStoreKeys, took_s,
             double(full_bytes) / 1e6, double(stats.index_bytes) / 1e6);
  if (meanwhile.writes.is_empty() || meanwhile.reads.is_empty()) return;
  quiet.print("before");
  meanwhile.print("meanwhile");
  expect_not_held_up(meanwhile.writes, quiet.writes);
  expect_not_held_up(meanwhile.reads, quiet.reads);
}

// The one thing that takes time at once is counting them, for the answer. The writer does it, so that others'
// writes wait.
TEST_F(StoreScaleTest, AMillionKeysOfAPrefixAreGoneAtOnceAndLeaveMemoryInPassing) {
  constexpr std::uint64_t kStaying = 10'000;
  const test::TrafficKeys staying{"stays:", kStaying, "stays:", kStaying};
  fill("stays:", kStaying);
  const std::uint64_t empty_bytes = store_->stats().index_bytes;
  fill("goes:", kStoreKeys);
  const std::uint64_t full_bytes = store_->stats().index_bytes;
  const std::uint64_t few_bytes = empty_bytes + (full_bytes - empty_bytes) / (kIsRelease ? 10 : 4);
  Traffic quiet(*store_, staying, after(kQuietTime));

  Latencies removal;
  removal.measure([&] {
    const auto removed = store_->remove_prefix("goes:");
    EXPECT_TRUE(removed && *removed == kStoreKeys);
  });
  EXPECT_EQ(store_->size(), kStaying);
  EXPECT_FALSE(store_->exists("goes:" + key_of(kStoreKeys - 1)));
  const auto begin = std::chrono::steady_clock::now();
  const auto too_late = after(std::chrono::minutes(2));
  std::uint64_t asked = 0;
  Traffic meanwhile(*store_, staying, [&] {
    return ++asked % 100 == 0 && (store_->stats().index_bytes < few_bytes || too_late());
  });
  const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LT(store_->stats().index_bytes, few_bytes);
  fmt::print("{} keys of a prefix removed in {:.1f} ms, and gone from memory in {:.2f} s\n", kStoreKeys,
             removal.longest(), took_s);
  if (kIsRelease) {
    EXPECT_LT(removal.longest(), kMaxRemovalMs);
  }
  quiet.print("before");
  meanwhile.print("meanwhile");
  expect_not_held_up(meanwhile.writes, quiet.writes);
  expect_not_held_up(meanwhile.reads, quiet.reads);
}

TEST(MissingKeyTest, CostsNoCallToTheFileSystem) {
  sim::SimRun run;
  ASSERT_TRUE(run.open());
  Store& store = *run.store();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store.set("key" + std::to_string(i), "value"));
  const std::uint64_t calls = run.file_system().calls();
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "missing" + std::to_string(i);
    const std::string_view keys[] = {key, "another"};
    EXPECT_EQ(store.get(key).code(), StatusCode::kNotFound);
    EXPECT_FALSE(store.exists(key));
    EXPECT_FALSE(store.locate(key));
    EXPECT_EQ(store.multi_get(keys)[1].code(), StatusCode::kNotFound);
    EXPECT_TRUE(store.exists("key7"));
  }
  EXPECT_EQ(run.file_system().calls(), calls);
}

}  // namespace
}  // namespace minikv
