// That compaction of a store of some size holds up neither readers nor writers: the same traffic beside it
// and without it, in turns, so that whatever else the machine does meets both. Prints its figures;
// docs/TESTING.md has some. The limits are for release builds; with sanitizers or without optimization there
// is less data, and time is only reported.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/support/latencies.h"

namespace minikv {
namespace {

using test::key_of;
using test::kIsRelease;
using test::Latencies;
using test::Traffic;

constexpr std::uint64_t kLiveKeys = kIsRelease ? 100'000 : 5'000;
constexpr std::uint64_t kWrittenKeys = 1'000;
constexpr std::size_t kLiveValueBytes = 1'000;
constexpr int kTrafficRounds = kIsRelease ? 5 : 2;
constexpr auto kTrafficTime = std::chrono::milliseconds(kIsRelease ? 1'000 : 200);
// The traffic never rests, and compaction has the lowest priority: where every processor is taken it ends
// after the traffic.
constexpr auto kMaxTraffic = std::chrono::seconds(kIsRelease ? 5 : 2);
// The promise is that the p99 at most doubles; what is printed tells. What is judged is that nobody is held
// up: on a machine that has other things to do, whose disk others use, more than that would fail by chance.
constexpr double kMaxFactor = 4;
constexpr double kNoiseMs = 100;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The same calls of all rounds, beside compaction and without it.
struct Comparison {
  explicit Comparison(std::string calls) : name(std::move(calls)) {}
  void add_round(const Latencies& without, const Latencies& with) {
    quiet.add(without);
    beside.add(with);
    quiet_p99.push_back(without.percentile(0.99));
    beside_p99.push_back(with.percentile(0.99));
  }
  void judge() const {
    const double before = median(quiet_p99), meanwhile = median(beside_p99);
    fmt::print("  {} without compaction: {}\n  {} beside it:          {}\n", name, quiet.report(), name,
               beside.report());
    fmt::print("  {}: the median of the rounds' p99 {:.3f} without, {:.3f} beside it: {:.2f} times\n", name,
               before, meanwhile, meanwhile / before);
    if (kIsRelease) {
      EXPECT_LE(meanwhile, kMaxFactor * before + kNoiseMs) << name;
    }
  }

  std::string name;
  Latencies quiet, beside;
  std::vector<double> quiet_p99, beside_p99;
};

class CompactionScaleTest : public testing::Test {
 protected:
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open(Fsync fsync) {
    std::string pattern = testing::TempDir() + "minikv-scale-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    Options options;
    options.fsync = fsync;
    options.segment_size = 8 * kMiB;
    options.compaction_threshold = 0;  // only when it is asked for
    auto opened = Store::open(directory_, options);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  // Writes the keys of which `is_meant` says so.
  void write(const std::function<bool(std::uint64_t)>& is_meant) {
    const std::string value(kLiveValueBytes, 'v');
    WriteBatch batch;
    for (std::uint64_t i = 0; i < kLiveKeys; ++i) {
      if (is_meant(i)) batch.set("key:" + key_of(i), value);
      if (batch.size() < 1000 && i + 1 < kLiveKeys) continue;
      ASSERT_TRUE(store_->write(batch));
      batch.clear();
    }
  }
  // As many bytes dead as are alive, in every segment a part.
  void make_garbage(int round) {
    for (int half = 0; half < 2; ++half) {
      const auto digit = static_cast<std::size_t>(2 * round + half) % 16;
      write([&](std::uint64_t i) { return key_of(i)[digit] % 2 == 0; });
    }
  }
  void compare_rounds() {
    test::TrafficKeys keys{"key:", kLiveKeys, "written:", kWrittenKeys};
    keys.value = std::string(100, 'w');
    write([](std::uint64_t) { return true; });
    for (std::uint64_t i = 0; i < kWrittenKeys; ++i) ASSERT_TRUE(store_->set("written:" + key_of(i), "w"));
    Comparison writes("writes"), reads("reads");
    std::uint64_t reclaimed = 0, took_ms = 0;
    for (int round = 0; round < kTrafficRounds; ++round) {
      make_garbage(round);
      const auto end = std::chrono::steady_clock::now() + kTrafficTime;
      const Traffic quiet(*store_, keys, [end] { return std::chrono::steady_clock::now() >= end; });
      std::atomic<bool> is_over{false};
      std::thread compactor([&] {
        const auto result = store_->compact();
        EXPECT_TRUE(result) << result.status().message();
        if (result) {
          reclaimed += result->reclaimed_bytes;
          took_ms += result->duration_ms;
        }
        is_over = true;
      });
      const auto at_last = std::chrono::steady_clock::now() + kMaxTraffic;
      const Traffic beside(*store_, keys,
                           [&] { return is_over.load() || std::chrono::steady_clock::now() >= at_last; });
      compactor.join();
      writes.add_round(quiet.writes, beside.writes);
      reads.add_round(quiet.reads, beside.reads);
    }
    fmt::print("{} compactions gave back {:.0f} MB in {:.2f} s\n", kTrafficRounds, double(reclaimed) / 1e6,
               double(took_ms) / 1e3);
    EXPECT_GT(reclaimed, kTrafficRounds * kLiveKeys * kLiveValueBytes / 2);
    writes.judge();
    reads.judge();
  }

  std::string directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(CompactionScaleTest, HoldsUpNoReaderAndNoWriteInMemory) {
  open(Fsync::kNever);
  compare_rounds();
}

TEST_F(CompactionScaleTest, HoldsUpNoReaderAndNoSyncedWrite) {
  open(Fsync::kAlways);
  compare_rounds();
}

}  // namespace
}  // namespace minikv
