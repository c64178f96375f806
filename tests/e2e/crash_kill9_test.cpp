// SIGKILL at any time loses nothing that was acknowledged: the real server, under load, killed and started again.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

// A blocking connection that speaks the text dialect, one reply at a time.
class Line {
 public:
  explicit Line(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Line() { ::close(socket_); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  bool send(std::string_view bytes) {
    while (open_ && !bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      open_ = sent > 0;
      if (open_) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return open_;
  }
  // Without its line end; nothing when the server is gone.
  std::optional<std::string> line() {
    for (;;) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        std::string found = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return found;
      }
      char piece[4096];
      const ssize_t got = ::recv(socket_, piece, sizeof(piece), 0);
      if (got <= 0) return std::nullopt;
      buffer_.append(piece, static_cast<std::size_t>(got));
    }
  }

 private:
  int socket_;
  bool open_ = false;
  std::string buffer_;
};

constexpr int kKeys = 40;
constexpr int kPipeline = 8;

// One client: a history of numbered writes to keys of its own. Everything about write n follows from n, so that the
// state after any number of them can be worked out again.
class Client {
 public:
  explicit Client(int id) : id_(id) {}

  // Writes until the server is gone.
  void run(std::uint16_t port) {
    Line line(port);
    for (;;) {
      std::string requests;
      for (int i = 0; i < kPipeline; ++i) requests += request(sent_ + static_cast<std::uint64_t>(i) + 1);
      sent_ += kPipeline;
      if (!line.send(requests)) return;
      for (int i = 0; i < kPipeline; ++i) {
        const auto reply = line.line();
        if (!reply) return;
        if ((*reply)[0] != '+') {
          problem_ = *reply;
          return;
        }
        ++acknowledged_;
      }
    }
  }

  // Whether the server holds the state after n writes, for one n from the last acknowledged to the last sent. Goes on
  // from there.
  testing::AssertionResult check(std::uint16_t port) {
    if (!problem_.empty())
      return testing::AssertionFailure() << "client " << id_ << " was answered " << problem_;
    std::map<std::string, std::string> found;
    Line line(port);
    for (int k = 0; k < kKeys; ++k) {
      if (!line.send("get " + key(k) + "\r\n")) return testing::AssertionFailure() << "no connection";
      const auto head = line.line();
      if (!head) return testing::AssertionFailure() << "no answer";
      if (head->starts_with("-NOTFOUND")) continue;
      if (!head->starts_with("+VALUE")) return testing::AssertionFailure() << key(k) << ": " << *head;
      found[key(k)] = line.line().value_or("");
    }
    for (std::uint64_t n = acknowledged_; n <= sent_; ++n) {
      if (found != state_after(n)) continue;
      // A write that was not acknowledged and is there has happened; one that is not there never will.
      acknowledged_ = sent_ = n;
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "client " << id_ << ": no state after " << acknowledged_ << " to "
                                       << sent_ << " writes is what the server holds";
  }

  std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  std::string key(int k) const { return fmt::format("c{}-k{}", id_, k); }
  std::string key_of(std::uint64_t n) const { return key(static_cast<int>(n * 7 % kKeys)); }
  static bool is_delete(std::uint64_t n) { return n % 11 == 3; }
  static std::string value_of(std::uint64_t n) {
    return std::to_string(n) + ":" + std::string(n * 31 % 3000, static_cast<char>('a' + n % 26));
  }
  std::string request(std::uint64_t n) const {
    return is_delete(n) ? fmt::format("delete {}\r\n", key_of(n))
                        : fmt::format("set {} {}\r\n", key_of(n), value_of(n));
  }
  std::map<std::string, std::string> state_after(std::uint64_t n) const {
    std::map<std::string, std::string> state;
    // Each key comes round every kKeys writes: the last so many decide.
    for (std::uint64_t i = n > kKeys ? n - kKeys + 1 : 1; i <= n; ++i) {
      if (is_delete(i)) {
        state.erase(key_of(i));
      } else {
        state[key_of(i)] = value_of(i);
      }
    }
    return state;
  }

  int id_;
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::string problem_;
};

int rounds() {
  const char* wanted = std::getenv("MINIKV_TEST_KILL_ROUNDS");
  return wanted != nullptr ? std::atoi(wanted) : 20;
}

class KillTest : public testing::TestWithParam<const char*> {};

TEST_P(KillTest, NothingAcknowledgedIsLost) {
  ServerProcess server({"--segment-size", "1MiB", "--fsync", GetParam()});
  std::vector<Client> clients;
  for (int id = 0; id < 4; ++id) clients.emplace_back(id);
  std::mt19937 random(20261122);
  for (int round = 0; round < rounds(); ++round) {
    ASSERT_TRUE(server.start());
    for (Client& client : clients) ASSERT_TRUE(client.check(server.port())) << "round " << round;
    std::vector<std::thread> threads;
    for (Client& client : clients) threads.emplace_back([&] { client.run(server.port()); });
    threads.emplace_back([&] {
      Line line(server.port());
      while (line.send("compact\r\n") && line.line()) {
      }
    });
    // Any moment will do: it is the one thing here that is meant to be a matter of chance.
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 250));
    server.kill9();
    for (std::thread& thread : threads) thread.join();
  }
  ASSERT_TRUE(server.start());
  std::uint64_t writes = 0;
  for (Client& client : clients) {
    EXPECT_TRUE(client.check(server.port()));
    writes += client.acknowledged();
  }
  EXPECT_GT(writes, 1000u) << "too little load to say anything";
  std::cout << rounds() << " rounds, " << writes << " acknowledged writes, none lost\n";
  EXPECT_EQ(server.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, KillTest, testing::Values("always", "interval", "never"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace minikv::test
