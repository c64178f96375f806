// A write of whoever finds the writer idle is committed by that thread, where nothing has to be waited for.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/support/sim_file_system.h"

namespace minikv {
namespace {

class ThreadTask final : public WriteTask {
 public:
  explicit ThreadTask(std::string key, bool takes_long = false) : key_(std::move(key)) {
    if (takes_long) set_takes_long();
  }
  void execute(Transaction& transaction) override {
    if (inside_) inside_();
    transaction.put(key_, key_);
  }
  void done(const Status& status) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    thread_ = std::this_thread::get_id();
    done_.notify_all();
  }
  void while_executing(std::function<void()> inside) { inside_ = std::move(inside); }
  // By which thread.
  std::thread::id wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return thread_ != std::thread::id(); });
    EXPECT_TRUE(status_) << status_.message();
    return thread_;
  }

 private:
  const std::string key_;
  std::function<void()> inside_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::thread::id thread_;
  Status status_;
};

class CommitHereTest : public testing::Test {
 protected:
  void open(Fsync fsync) {
    store_.reset();
    Options options;
    options.segment_size = kMiB;
    options.fsync = fsync;
    options.compaction_threshold = 0;
    options.file_system = &files_;
    auto opened = Store::open("data", options);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  // Whether this thread has committed it, which is what is said, too. The writer's thread may be about to
  // sleep after what was before: then once more.
  bool is_committed_here(bool takes_long = false) {
    for (int i = 0; i < 100; ++i) {
      ThreadTask task("key" + std::to_string(made_++), takes_long);
      WriteTask* const tasks[] = {&task};
      const bool here = store_->commit_or_submit(tasks);
      EXPECT_EQ(task.wait() == std::this_thread::get_id(), here);
      if (here) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  sim::SimFileSystem files_;
  std::unique_ptr<Store> store_;
  int made_ = 0;
};

TEST_F(CommitHereTest, WhereTheModeWaitsForNoSync) {
  open(Fsync::kNever);
  EXPECT_TRUE(is_committed_here());
  open(Fsync::kInterval);
  EXPECT_TRUE(is_committed_here());
}

TEST_F(CommitHereTest, ButNotWhereThereIsASyncToWaitForNorWhatTakesLong) {
  open(Fsync::kAlways);
  EXPECT_FALSE(is_committed_here());
  open(Fsync::kNever);
  EXPECT_FALSE(is_committed_here(true));
}

// Whoever comes meanwhile does not wait, and is not forgotten; and all is there in the end, also after a
// restart.
TEST_F(CommitHereTest, WhatComesMeanwhileIsTheThreadOfTheWriters) {
  open(Fsync::kNever);
  ThreadTask first("first"), second("second");
  WriteTask* const firsts[] = {&first};
  WriteTask* const seconds[] = {&second};
  bool second_here = true;
  first.while_executing([&] {
    std::thread other([&] { second_here = store_->commit_or_submit(seconds); });
    other.join();
  });
  store_->commit_or_submit(firsts);
  const std::thread::id by = second.wait();
  EXPECT_NE(by, std::this_thread::get_id());
  EXPECT_FALSE(second_here);
  EXPECT_TRUE(store_->get("first"));
  EXPECT_TRUE(store_->get("second"));
}

TEST_F(CommitHereTest, ManyThreadsLoseNothingToEachOther) {
  open(Fsync::kInterval);
  constexpr int kThreads = 4, kEach = 3000;
  std::vector<std::thread> threads;
  std::atomic<int> here{0};
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        const std::string key = std::to_string(thread) + ":" + std::to_string(i);
        if (i % 3 == 0) {
          EXPECT_TRUE(store_->set(key, key));
          continue;
        }
        ThreadTask task(key);
        WriteTask* const tasks[] = {&task};
        here += store_->commit_or_submit(tasks) ? 1 : 0;
        task.wait();
        if (i % 500 == 1) {
          EXPECT_TRUE(store_->compact());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->size(), std::uint64_t{kThreads} * kEach);
  const auto stats = store_->stats();
  EXPECT_EQ(stats.writes, std::uint64_t{kThreads} * kEach);
  EXPECT_EQ(stats.last_sequence, std::uint64_t{kThreads} * kEach);
  ASSERT_TRUE(store_->close());
  open(Fsync::kInterval);
  EXPECT_EQ(store_->size(), std::uint64_t{kThreads} * kEach);
  std::cout << here << " of " << kThreads * kEach * 2 / 3 << " were committed where they were submitted\n";
}

// What the writer's thread does of its own accord is done although others take its place: it is told of the
// deadline.
TEST_F(CommitHereTest, KeysExpireAlthoughTheThreadWasAsleep) {
  open(Fsync::kNever);
  ASSERT_TRUE(is_committed_here());
  ASSERT_TRUE(store_->set("goes", "x", store_->now_ms() + 50));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (store_->stats().expired_keys == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace
}  // namespace minikv
