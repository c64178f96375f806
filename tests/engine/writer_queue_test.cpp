// One thread at a time acts as the writer, and what comes meanwhile waits for the next.
#include "engine/commit/writer_queue.h"

#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "engine/base/memory_reserve.h"

namespace minikv::engine {
namespace {

class NoTask final : public WriteTask {
 public:
  void execute(Transaction& /*transaction*/) override {}
  void done(const Status& /*status*/) override {}
};

class WriterQueueTest : public testing::Test, private WriterQueue::Owner {
 protected:
  ~WriterQueueTest() override {
    answer_all();
    queue_.stop();
    queue_.refuse_calls();
  }

  WriterQueue::Submitted submit(NoTask& task, CommitHere here) {
    return queue_.submit(std::array<WriteTask*, 1>{&task}, here);
  }
  // As the writer does with tasks that it has executed.
  void answer_all() {
    while (!queue_.taken().empty()) queue_.note_answered(queue_.taken().pop_front());
  }
  std::future<Status> call(const std::function<void()>& work) {
    return std::async(std::launch::async, [this, work] { return queue_.run_on_writer(work); });
  }

  bool may_commit_here_ = true;
  MemoryReserve reserve_;
  WriterQueue queue_{*this, reserve_, false};
  NoTask first_, second_, third_;

 private:
  bool may_commit_here(std::span<WriteTask* const> /*tasks*/, std::uint64_t /*bytes*/,
                       CommitHere /*here*/) override {
    return may_commit_here_;
  }
  std::optional<WriterQueue::TimePoint> next_deadline(bool /*is_reading*/) override { return std::nullopt; }
};

TEST_F(WriterQueueTest, AThreadThatSubmitsTakesTheIdleWritersPlaceAndNoOtherDoesMeanwhile) {
  ASSERT_EQ(submit(first_, CommitHere::kIfQuick), WriterQueue::Submitted::kHere);
  queue_.taken().push_back(first_);
  EXPECT_EQ(submit(second_, CommitHere::kYes), WriterQueue::Submitted::kQueued);
  answer_all();
  EXPECT_TRUE(queue_.end_turn());
  // There is something to do now, and it has to be done first.
  EXPECT_EQ(submit(third_, CommitHere::kYes), WriterQueue::Submitted::kQueued);
  const WriterQueue::Turn turn = queue_.next_turn();
  EXPECT_FALSE(turn.is_last || turn.is_idle || turn.is_reading);
  EXPECT_EQ(queue_.taken().size(), 2U);
}

TEST_F(WriterQueueTest, AThreadForWhichThereIsSomethingToWaitForQueues) {
  may_commit_here_ = false;
  EXPECT_EQ(submit(first_, CommitHere::kYes), WriterQueue::Submitted::kQueued);
  (void)queue_.next_turn();
}

TEST_F(WriterQueueTest, AThreadThatDoesNotWantToCommitQueues) {
  EXPECT_EQ(submit(first_, CommitHere::kNo), WriterQueue::Submitted::kQueued);
  (void)queue_.next_turn();
}

TEST_F(WriterQueueTest, WhatIsQueuedCountsUntilItIsAnswered) {
  EXPECT_FALSE(queue_.is_over(0));
  ASSERT_EQ(submit(first_, CommitHere::kNo), WriterQueue::Submitted::kQueued);
  EXPECT_TRUE(queue_.is_over(first_.bytes() - 1));
  EXPECT_FALSE(queue_.is_over(first_.bytes()));
  (void)queue_.next_turn();
  EXPECT_TRUE(queue_.is_over(0));
  answer_all();
  EXPECT_FALSE(queue_.is_over(0));
}

// They may be of the same connection as the one whose value is being read.
TEST_F(WriterQueueTest, WhileAValueIsReadCallsAreRunAndTasksAreNot) {
  ASSERT_EQ(submit(first_, CommitHere::kNo), WriterQueue::Submitted::kQueued);
  (void)queue_.next_turn();
  queue_.begin_reading();
  EXPECT_EQ(submit(second_, CommitHere::kYes), WriterQueue::Submitted::kQueued);
  bool was_run = false;
  std::future<Status> called = call([&] { was_run = true; });
  const WriterQueue::Turn turn = queue_.next_turn();
  EXPECT_TRUE(turn.is_reading);
  EXPECT_TRUE(queue_.run_call());
  EXPECT_TRUE(called.get());
  EXPECT_TRUE(was_run);
  queue_.end_reading();
  EXPECT_FALSE(queue_.next_turn().is_reading);
  EXPECT_EQ(queue_.taken().size(), 2U);
}

TEST_F(WriterQueueTest, ACallThatFindsNoMemoryIsToldSo) {
  std::future<Status> called = call([] { throw std::bad_alloc(); });
  EXPECT_FALSE(queue_.next_turn().is_idle);
  EXPECT_TRUE(queue_.run_call());
  EXPECT_EQ(called.get().code(), StatusCode::kOutOfMemory);
}

TEST_F(WriterQueueTest, AfterStopWhatWaitsIsDoneAndAllElseIsRefused) {
  ASSERT_EQ(submit(first_, CommitHere::kNo), WriterQueue::Submitted::kQueued);
  queue_.stop();
  EXPECT_EQ(submit(second_, CommitHere::kYes), WriterQueue::Submitted::kRefused);
  EXPECT_FALSE(queue_.next_turn().is_last);
  answer_all();
  EXPECT_TRUE(queue_.next_turn().is_last);
  queue_.refuse_calls();
  EXPECT_EQ(queue_.run_on_writer([] { FAIL() << "it was run"; }).code(), StatusCode::kShutdown);
}

}  // namespace
}  // namespace minikv::engine
