// Compaction as a store's users see it: space comes back, and nothing else changes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/store/blocking_task.h"
#include "tests/support/sim_run.h"
#include "tests/support/store_fixture.h"

namespace minikv {
namespace {

class CompactionStoreTest : public test::StoreFixture {};

TEST_F(CompactionStoreTest, CompactionKeepsWhatLivesAndGivesBackTheRest) {
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

TEST_F(CompactionStoreTest, CompactionRunsByItselfAndGivesSpaceBack) {
  options_.fsync = Fsync::kNever;
  options_.compaction_threshold = 1;
  open();
  // 64 MiB of overwrites of 1 MiB of live data.
  const std::string value(16 * 1024, 'v');
  for (int round = 0; round < 64; ++round) {
    for (int key = 0; key < 64; ++key) set("key" + std::to_string(key), value + std::to_string(round));
  }
  // The last segments settle in the background.
  EXPECT_TRUE(wait_until([&] { return on_disk() <= 12 * kMiB; })) << on_disk();
  EXPECT_TRUE(wait_until([&] { return store_->stats().compactions > 0; }));
  for (int key = 0; key < 64; ++key) EXPECT_EQ(get("key" + std::to_string(key)), value + "63");
}

// The promise about space, in its own figures.
TEST_F(CompactionStoreTest, AGibibyteOfOverwritesSettlesUnderThreeTimesWhatIsAliveAndTwoSegments) {
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
  const auto most = [&] { return std::max(on_disk(), store_->stats().disk_bytes); };
  EXPECT_TRUE(wait_until([&] { return most() <= bound; })) << most() << " and not " << bound;
  EXPECT_EQ(get("key7"), filler + std::to_string(rounds - 1));
}

TEST_F(CompactionStoreTest, SeveralCompactorsWorkBesideWritersOnDifferentSegments) {
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
  EXPECT_TRUE(wait_until([&] { return store_->stats().compactions > 0; }));
  open();
  for (int key = 0; key < 300; ++key) {
    EXPECT_EQ(get("key" + std::to_string(key)), key == 29 ? kMissing : filler + "29");
  }
}

// Sets a few keys, and keeps the writer busy for a while.
class SlowTask final : public engine::BlockingTask {
 public:
  void execute(Transaction& transaction) override {
    for (const auto& [key, value] : puts) transaction.put(key, value);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  std::vector<std::pair<std::string, std::string>> puts;
};

// Groups of the writer's, one after the other, until one of them sees a compaction's output and holds the
// writer up.
class Holding {
 public:
  Holding(Store& store, std::chrono::milliseconds for_ms)
      : store_(store), for_ms_(for_ms), segments_before_(store.stats().segments) {
    submit_some();
    submit_some();
  }
  // Whether there was something to hold up. Compaction has the lowest priority: where processors and disk
  // have much else to do it may take minutes.
  bool wait(std::chrono::seconds at_most) {
    const auto end = std::chrono::steady_clock::now() + at_most;
    for (std::size_t done = 0; done < tasks_.size(); ++done) {
      EXPECT_TRUE(tasks_[done]->wait());
      const bool is_last_of_some = (done + 1) % kTasksAtOnce == 0;
      if (is_last_of_some && !has_held_ && std::chrono::steady_clock::now() < end) submit_some();
    }
    return has_held_;
  }

 private:
  class Task final : public engine::BlockingTask {
   public:
    explicit Task(Holding& all) : all_(all) {
      set_bytes(5 * kMiB);  // more than a group may have, so that it is one by itself
    }
    void execute(Transaction&) override {
      if (all_.has_held_) return;
      all_.has_held_ = all_.store_.stats().segments > all_.segments_before_;
      std::this_thread::sleep_for(all_.has_held_ ? all_.for_ms_ : std::chrono::milliseconds(1));
    }

   private:
    Holding& all_;
  };
  static constexpr std::size_t kTasksAtOnce = 500;

  // Behind those that are with the writer already.
  void submit_some() {
    std::vector<WriteTask*> submitted;
    for (std::size_t i = 0; i < kTasksAtOnce; ++i)
      submitted.push_back(tasks_.emplace_back(std::make_unique<Task>(*this)).get());
    store_.submit(submitted);
  }

  Store& store_;
  const std::chrono::milliseconds for_ms_;
  const std::uint64_t segments_before_;
  std::atomic<bool> has_held_{false};
  std::vector<std::unique_ptr<Task>> tasks_;
};

// A segment that one compactor has just written looks dead to the others until the index points to all of it.
// Here the moves stand behind a writer that is busy for longer than compactors wait before they look again.
TEST_F(CompactionStoreTest, SeveralCompactorsLeaveAloneWhatIsBeingInstalled) {
  constexpr int kKeys = 16'000,
                kBatch = 200;  // many moves, so that the writer does not do all of them at once
  options_.fsync = Fsync::kNever;
  options_.compaction_threshold = 0;
  open();
  const std::string filler(60, 'v');
  const auto fill = [&](int round) {
    for (int first = 0; first < kKeys; first += kBatch) {
      WriteBatch batch;
      for (int key = first; key < first + kBatch; ++key) {
        batch.set("key" + std::to_string(key), filler + std::to_string(round));
      }
      ASSERT_TRUE(store_->write(batch));
    }
  };
  fill(0);
  fill(1);
  options_.compaction_threshold = 1;
  options_.compaction_threads = 2;
  options_.compaction_dead_ratio = 0.1;
  options_.compaction_rate_limit = 2'000'000;  // it takes longer than beginning to hold, nearly always
  open();
  bool has_held = false;
  for (int round = 0; round < 20 && !has_held; ++round) {
    if (round > 0) fill(1);
    Holding holding(*store_, std::chrono::milliseconds(2'500));
    has_held = holding.wait(std::chrono::seconds(15));
  }
  ASSERT_TRUE(has_held) << "no compaction came to its end";
  for (int pass = 0; pass < 2; ++pass) {
    for (int key = 0; key < kKeys; ++key) {
      ASSERT_EQ(get("key" + std::to_string(key)), filler + "1") << key << ", pass " << pass;
    }
    open();
  }
}

// The same by chance, with more of everything.
TEST_F(CompactionStoreTest, SeveralCompactorsLoseNothingBesideASlowWriter) {
  constexpr std::size_t kKeys = 60'000, kBatch = 1'000;
  constexpr std::size_t kRounds = 25;
  options_.fsync = Fsync::kNever;
  options_.compaction_threads = 4;
  options_.compaction_threshold = 1;
  options_.compaction_dead_ratio = 0.1;
  open();
  const std::string filler(60, 'v');
  std::vector<std::string> newest(kKeys);
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t first = 0; first < kKeys; first += kBatch) {
      SlowTask task;
      for (std::size_t key = first; key < first + kBatch; ++key) {
        if (round != 0 && (key * 7 + round) % 8 != 0) continue;
        newest[key] = filler + std::to_string(round);
        task.puts.emplace_back("key" + std::to_string(key), newest[key]);
      }
      WriteTask* const submitted = &task;
      store_->submit({&submitted, 1});
      ASSERT_TRUE(task.wait());
    }
  }
  EXPECT_TRUE(wait_until([&] { return store_->stats().compactions > 4; }));
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t key = 0; key < kKeys; ++key) {
      ASSERT_EQ(get("key" + std::to_string(key)), newest[key]) << key << ", pass " << pass;
    }
    open();
  }
}

TEST_F(CompactionStoreTest, ARateLimitSlowsItDown) {
  options_.fsync = Fsync::kNever;
  options_.compaction_threshold = 0;
  options_.compaction_rate_limit = 4'000'000;
  open();
  for (int key = 0; key < 200; ++key) set("key" + std::to_string(key), std::string(10'000, 'v'));
  const auto result = store_->compact();  // 2 MB
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_GE(result->duration_ms, 450u);
}

// Whoever overwrites faster than compaction can read is slowed; otherwise the disk would be full of what is
// dead.
TEST_F(CompactionStoreTest, WritesThatOutrunCompactionAreSlowedSoThatSpaceStaysBounded) {
  constexpr std::uint64_t kSegments = 40;
  options_.fsync = Fsync::kNever;
  options_.compaction_threshold = 1;
  options_.compaction_rate_limit = 16 * kMiB;
  open();
  const std::string value(64 * 1024, 'v');
  std::uint64_t most = 0;
  for (std::uint64_t written = 0; written < kSegments * options_.segment_size; written += value.size()) {
    set("key" + std::to_string(written / value.size() % 4), value);
    if (written % options_.segment_size == 0) most = std::max(most, store_->stats().disk_bytes);
  }
  // Eight segments of it are left in peace, and while those are compacted about as many come to it.
  EXPECT_LT(most, 24 * options_.segment_size);
}

// What is copied and dies before it is installed was not dead from the beginning: it has to be given back
// like anything else that dies.
TEST_F(CompactionStoreTest, WhatDiesWhileItIsCopiedIsGivenBackByTheNext) {
  options_.fsync = Fsync::kNever;
  options_.compaction_threshold = 1;
  options_.compaction_rate_limit = 8'000'000;
  open();
  const std::string value(10'000, 'v');
  for (int key = 0; key < 600; ++key) set("key" + std::to_string(key), value);  // 6 MB
  std::thread compactor([&] { ASSERT_TRUE(store_->compact()); });
  const auto is_copying = [&] {  // the third segment of its first step's four
    const auto files = std::filesystem::directory_iterator(directory_);
    return std::count_if(begin(files), end(files), [](const auto& file) {
             return file.path().extension() == ".tmp" && file.path().stem().extension() == ".dat";
           }) >= 3;
  };
  EXPECT_TRUE(wait_until(is_copying));
  ASSERT_TRUE(store_->clear());
  compactor.join();
  // The active segment and the spare are what is left.
  EXPECT_TRUE(wait_until([&] { return on_disk() < 3 * kMiB; })) << on_disk();
}

}  // namespace
}  // namespace minikv
