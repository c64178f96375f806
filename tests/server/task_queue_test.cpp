// Tasks in flight without a session: what a loop keeps of them, and what a queue counts.
#include "server/net/task_queue.h"

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include "server/net/event_loop.h"
#include "server/request/state.h"
#include "tests/server/harness.h"

namespace minikv::server {

namespace {

class NoTask final : public Task {
 public:
  explicit NoTask(std::size_t bytes) : Task(ArgumentArena(bytes)) {}
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    reply.ok();
    return Answered::kWhole;
  }
};

class TaskQueueTest : public testing::Test {
 protected:
  TaskPool::Owner take(std::size_t bytes = 10) { return pool_.take(std::make_unique<NoTask>(bytes)); }

  TestServer server_;  // for its store
  ServerState state_{
      {},
      server_.store(),
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>())};
  EventLoop loop_{state_};
  TaskPool& pool_ = loop_.task_pool();
};

TEST_F(TaskQueueTest, WhatWasAnsweredIsUsedAgain) {
  std::set<TaskInFlight*> first;
  std::vector<TaskPool::Owner> owners;
  for (int i = 0; i < 8; ++i) first.insert(owners.emplace_back(take()).get());
  owners.front()->is_silent = true;
  owners.front()->held_bytes = 7;
  owners.clear();
  for (int i = 0; i < 8; ++i) {
    const TaskInFlight& one = *owners.emplace_back(take());
    EXPECT_EQ(first.count(const_cast<TaskInFlight*>(&one)), 1U);
    EXPECT_FALSE(one.is_silent);
    EXPECT_EQ(one.held_bytes, 0U);
  }
}

// AddressSanitizer's build finds what is freed twice, or not at all.
TEST_F(TaskQueueTest, WhatWasNotNeededForAWhileGoesBackToTheSystem) {
  {
    std::vector<TaskPool::Owner> many;
    for (int i = 0; i < 100; ++i) many.push_back(take());
  }
  pool_.trim();
  {
    const TaskPool::Owner one = take();
  }
  pool_.trim();
  {
    const TaskPool::Owner one = take();
  }
}

TEST_F(TaskQueueTest, ItCountsWhatItsTasksComeTo) {
  TaskQueue queue;
  protocol::ReplyBuffer out, tail;
  TaskInFlight& first = queue.push(take(100));
  TaskInFlight& second = queue.push(take(10));
  EXPECT_EQ(&queue.front(), &first);
  EXPECT_EQ(&queue.back(), &second);
  EXPECT_EQ(TaskQueue::behind(first), &second);
  EXPECT_EQ(queue.bytes(), first.task->bytes() + second.task->bytes());
  queue.begin_write(first);
  EXPECT_EQ(queue.write_bytes(), first.task->bytes());
  queue.hold(first, 5);
  queue.hold(first, 6);
  tail.append("+PONG\r\n");
  queue.append_to_tail(first, tail);
  EXPECT_TRUE(tail.empty());
  queue.begin_loading(second, 3);
  EXPECT_EQ(queue.writes(), 1U);
  EXPECT_EQ(queue.held_bytes(), 11U);
  EXPECT_EQ(queue.tail_bytes(), 7U);
  EXPECT_EQ(queue.loading_bytes(), 3U);
  queue.end_write(first);
  queue.end_write(second);  // it was none
  queue.release(first);
  queue.take_tail(first, out);
  queue.pop();
  queue.end_loading(second);
  queue.pop();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(out.str(), "+PONG\r\n");
}

TEST_F(TaskQueueTest, TheMailKeepsTheOrderOfTheAnswers) {
  const TaskPool::Owner a = take(), b = take();
  TaskMail mail, delivered;
  mail.add(*b);
  mail.add(*a);
  delivered.swap(mail);
  EXPECT_TRUE(mail.empty());
  EXPECT_EQ(delivered.take(), b.get());
  EXPECT_EQ(delivered.take(), a.get());
  EXPECT_EQ(delivered.take(), nullptr);
}

}  // namespace
}  // namespace minikv::server
