// One loop without a server around it.
#include "server/net/event_loop.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include "server/net/session.h"
#include "server/request/state.h"
#include "tests/server/harness.h"

namespace minikv::server {
namespace {

using namespace std::chrono_literals;

class LoneLoopTest : public testing::Test {
 protected:
  LoneLoopTest() {
    ServerOptions options;
    options.stall_timeout = 400ms;
    options.max_output_bytes = 64 * 1024;
    state_ = std::make_unique<ServerState>(
        options, server_.store(),
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>()));
    loop_ = std::make_unique<EventLoop>(*state_);
    EXPECT_TRUE(loop_->open());
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~LoneLoopTest() override {
    loop_->begin_stop();
    thread_.join();
  }

  // The client's end of a connection.
  int connect() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
    fcntl(ends[0], F_SETFL, 0);  // the client waits, the server does not
    state_->counters.clients.add();
    loop_->post([this, fd = ends[1]] { loop_->adopt(Socket(fd), "test", nullptr); });
    return ends[0];
  }

  // Keeps the loop from running for so long.
  void hold_up(std::chrono::milliseconds time) {
    std::promise<void> held;
    loop_->post([&] {
      std::this_thread::sleep_for(time);
      held.set_value();
    });
    held.get_future().wait();
  }

  TestServer server_;  // for its store
  std::unique_ptr<ServerState> state_;
  std::unique_ptr<EventLoop> loop_;
  std::thread thread_;
};

// As after SIGSTOP and SIGCONT: the client reads, and the server has not looked.
TEST_F(LoneLoopTest, TimeInWhichItDidNotRunIsNotCountedAgainstClients) {
  const std::string value(100'000, 'v');
  ASSERT_TRUE(server_.store().set("k", value));
  const int client = connect();
  std::string requests;
  constexpr std::size_t kRequests = 50;
  for (std::size_t i = 0; i < kRequests; ++i) requests += resp({"GET", "k"});
  ASSERT_EQ(::send(client, requests.data(), requests.size(), 0), static_cast<ssize_t>(requests.size()));
  ASSERT_TRUE(eventually([&] { return state_->counters.replies_waiting.get() > 64 * 1024; }));
  hold_up(1200ms);
  const std::size_t expected = kRequests * (value.size() + std::string("$100000\r\n\r\n").size());
  std::size_t got = 0;
  std::string piece(1 << 20, '\0');
  for (ssize_t n = 0; got < expected && (n = ::recv(client, piece.data(), piece.size(), 0)) > 0;)
    got += static_cast<std::size_t>(n);
  EXPECT_EQ(got, expected);
  EXPECT_EQ(state_->counters.connections_stalled.get(), 0U);
  ::close(client);
}

TEST_F(LoneLoopTest, AClientThatTakesNothingIsClosedAllTheSame) {
  ASSERT_TRUE(server_.store().set("k", std::string(100'000, 'v')));
  const int client = connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += resp({"GET", "k"});
  ASSERT_EQ(::send(client, requests.data(), requests.size(), 0), static_cast<ssize_t>(requests.size()));
  EXPECT_TRUE(eventually([&] { return state_->counters.connections_stalled.get() == 1; }));
  ::close(client);
}

}  // namespace
}  // namespace minikv::server
