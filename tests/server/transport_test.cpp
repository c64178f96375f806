// A connection's bytes without a session: what the kernel tells once is remembered.
#include "server/net/transport.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>

#include <gtest/gtest.h>

namespace minikv::server {

namespace {

class TransportTest : public testing::Test {
 protected:
  TransportTest() {
    std::array<int, 2> pair{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    client_ = Socket(pair[0]);
    transport_.emplace(Socket(pair[1]), budget_, counters_);
    transport_->start(std::chrono::seconds(0));
    budget_.refill();
  }

  void client_sends(const std::string& bytes) {
    ASSERT_EQ(::send(client_.fd(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  std::string receive(std::size_t room) {
    std::string bytes(room, '\0');
    bytes.resize(transport_->receive(std::span(bytes.data(), bytes.size())));
    return bytes;
  }
  // What has come, and is there already.
  std::size_t client_takes() {
    std::string piece(1 << 20, '\0');
    std::size_t bytes = 0;
    for (ssize_t got = 0; (got = ::recv(client_.fd(), piece.data(), piece.size(), MSG_DONTWAIT)) > 0;)
      bytes += static_cast<std::size_t>(got);
    return bytes;
  }

  Socket client_;
  ByteBudget budget_;
  Counters counters_;
  std::optional<Transport> transport_;
};

TEST_F(TransportTest, ItIsReadableUntilLessComesThanThereIsRoomFor) {
  EXPECT_FALSE(transport_->is_readable());
  client_sends("abcde");
  transport_->on_event(EPOLLIN);
  EXPECT_EQ(receive(3), "abc");
  EXPECT_TRUE(transport_->is_readable()) << "there may be more, and the kernel does not tell again";
  EXPECT_EQ(receive(3), "de");
  EXPECT_FALSE(transport_->is_readable());
  EXPECT_EQ(counters_.bytes_in.get(), 5U);
}

TEST_F(TransportTest, AnEndThatComesWithBytesIsFoundBehindThem) {
  client_sends("abc");
  client_.close();
  transport_->on_event(EPOLLIN | EPOLLRDHUP);
  EXPECT_EQ(receive(100), "abc");
  EXPECT_TRUE(transport_->is_readable());
  EXPECT_FALSE(transport_->has_ended());
  EXPECT_EQ(receive(100), "");
  EXPECT_TRUE(transport_->has_ended());
  EXPECT_FALSE(transport_->is_readable());
  EXPECT_FALSE(transport_->is_broken());
}

TEST_F(TransportTest, WhatTheKernelHasNoRoomForWaitsUntilItTells) {
  const std::size_t bytes = 8 << 20;
  transport_->output().append(std::string(bytes, 'v'));
  for (int i = 0; i < 100 && !transport_->is_send_blocked(); ++i) {
    budget_.refill();
    transport_->flush();
  }
  ASSERT_TRUE(transport_->is_send_blocked());
  EXPECT_FALSE(transport_->can_send());
  const std::size_t taken = client_takes();
  EXPECT_EQ(taken + transport_->output().size(), bytes);
  transport_->flush();
  EXPECT_EQ(client_takes(), 0U) << "it does not try in vain";
  EXPECT_FALSE(transport_->on_event(EPOLLIN).has_room_again);
  EXPECT_TRUE(transport_->on_event(EPOLLOUT).has_room_again);
  EXPECT_TRUE(transport_->can_send());
  EXPECT_FALSE(transport_->on_event(EPOLLOUT).has_room_again) << "it is told once";
}

TEST_F(TransportTest, AnIterationThatHasSentMuchSendsOnlyWhatIsShort) {
  budget_.spend(SIZE_MAX);
  ASSERT_FALSE(budget_.has_left());
  transport_->output().append("short");
  transport_->flush();
  EXPECT_EQ(client_takes(), 5U);
  transport_->output().append(std::string(100'000, 'v'));
  transport_->flush();
  EXPECT_EQ(client_takes(), 0U);
}

TEST_F(TransportTest, AClientThatHasGoneBreaksIt) {
  client_.close();
  EXPECT_TRUE(transport_->on_event(EPOLLIN | EPOLLRDHUP | EPOLLHUP).is_gone);
  transport_->output().append("to nowhere");
  transport_->flush();
  EXPECT_TRUE(transport_->is_broken());
}

TEST_F(TransportTest, WhatComesAfterTheGoodbyeIsThrownAway) {
  transport_->shut_down();
  client_sends("late");
  transport_->on_event(EPOLLIN);
  EXPECT_FALSE(transport_->discard());
  EXPECT_FALSE(transport_->is_readable());
  EXPECT_FALSE(transport_->has_ended());
  client_.close();
  EXPECT_FALSE(transport_->discard());
  EXPECT_TRUE(transport_->has_ended());
}

}  // namespace
}  // namespace minikv::server
