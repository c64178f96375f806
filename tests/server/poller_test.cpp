// Where event loops sleep: no wake-up is lost, whenever it comes; and the kernel tells once.
#include "server/net/poller.h"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/net/event_loop.h"
#include "server/request/state.h"
#include "tests/server/harness.h"

namespace minikv::server {

namespace {

constexpr std::chrono::seconds kLong{30};

class PollerTest : public testing::Test {
 protected:
  PollerTest() {
    EXPECT_TRUE(poller_.open());
    std::array<int, 2> pair{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    near_ = Socket(pair[0]);
    far_ = Socket(pair[1]);
  }

  bool is_quiet() {
    const Poller::Waited waited = poller_.wait(std::chrono::milliseconds(0));
    return waited.events.empty() && !waited.woken;
  }

  Poller poller_;
  Socket near_, far_;
};

}  // namespace

TEST_F(PollerTest, TellsOnceOfWhatIsThereAndAgainWhenMoreComes) {
  ASSERT_EQ(::send(far_.fd(), "12", 2, 0), 2);
  ASSERT_TRUE(poller_.add(near_.fd(), this));
  Poller::Waited waited = poller_.wait(kLong);
  ASSERT_EQ(waited.events.size(), 1U);
  void* const who = waited.events[0].data.ptr;  // epoll_event is packed: no reference can be had to it
  EXPECT_EQ(who, this);
  EXPECT_EQ(waited.events[0].events, static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT));
  EXPECT_TRUE(is_quiet()) << "though nobody has read";

  ASSERT_EQ(::send(far_.fd(), "3", 1, 0), 1);
  ASSERT_EQ(::shutdown(far_.fd(), SHUT_WR), 0);
  waited = poller_.wait(kLong);
  ASSERT_EQ(waited.events.size(), 1U);
  EXPECT_EQ(waited.events[0].events, static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT | EPOLLRDHUP));

  poller_.remove(near_.fd());
  far_.close();
  EXPECT_TRUE(is_quiet());
}

TEST_F(PollerTest, WaitsNoLongerThanItMayAndNotForTheFirst) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(poller_.wait(std::chrono::milliseconds(20)).events.empty());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(20));
}

TEST_F(PollerTest, AWakeUpBeforeTheWaitEndsItAndOneIsEnough) {
  poller_.wake();
  poller_.wake();
  EXPECT_TRUE(poller_.wait(std::chrono::steady_clock::duration::max()).woken);
  EXPECT_TRUE(is_quiet());
}

// Half of the time the waiting thread sleeps, and half of the time it is about to.
TEST_F(PollerTest, NoWakeUpIsLost) {
  constexpr int kThreads = 3;
  constexpr int kEach = 20'000;
  std::atomic<int> written{0}, read{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const int mine = written.fetch_add(1, std::memory_order_relaxed) + 1;
        poller_.wake();
        if (i % 2 == 0) {
          while (read.load(std::memory_order_relaxed) < mine) std::this_thread::yield();
        }
      }
    });
  }
  bool overslept = false;
  while (read.load(std::memory_order_relaxed) < kThreads * kEach) {
    const auto begin = std::chrono::steady_clock::now();
    if (poller_.wait(kLong).woken)
      read.store(written.load(std::memory_order_relaxed), std::memory_order_relaxed);
    overslept |= std::chrono::steady_clock::now() - begin >= kLong;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(overslept);
}

// Of every thread in its order; those that come while the loop is busy, too.
TEST(EventLoopTest, WhatManyThreadsPostIsCalledInOrder) {
  TestServer server;  // for its store
  ServerState state(ServerOptions{}, server.store(), std::make_shared<spdlog::logger>("none"));
  EventLoop loop(state);
  ASSERT_TRUE(loop.open());
  std::thread runner([&] { loop.run(); });
  constexpr int kThreads = 3;
  constexpr int kEach = 10'000;
  std::array<std::atomic<int>, kThreads> called{};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop.post([&, t, i] { wrong += called[t]++ == i ? 0 : 1; });
        if (i % 100 != 0) continue;
        EXPECT_TRUE(eventually([&] { return called[t] > i; }));  // so that the loop falls asleep
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop.begin_stop();  // comes after them
  runner.join();
  for (const auto& count : called) EXPECT_EQ(count, kEach);
  EXPECT_EQ(wrong, 0);
}

}  // namespace minikv::server
