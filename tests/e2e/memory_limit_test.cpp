// The real server in little memory: whatever clients ask for, they get it or an error, and the server lives
// on.
#include "tests/support/memory_limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/server_process.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

constexpr std::size_t kMiBytes = 1024 * 1024;

// Blocking. A connection that the server has closed answers with nothing.
class HungryClient {
 public:
  explicit HungryClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~HungryClient() { ::close(socket_); }
  HungryClient(const HungryClient&) = delete;
  HungryClient& operator=(const HungryClient&) = delete;

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Without its line end.
  std::string read_line() {
    for (;;) {
      const std::size_t end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return line;
      }
      if (!fill()) return "";
    }
  }
  // Reads and forgets a bulk string or an error, and says what it began with.
  std::string skip_reply() {
    const std::string line = read_line();
    if (!line.starts_with("$") || line == "$-1") return line;
    for (std::size_t left = std::stoul(line.substr(1)) + 2; left > 0;) {
      if (buffer_.empty() && !fill()) return "";
      const std::size_t some = std::min(left, buffer_.size());
      buffer_.erase(0, some);
      left -= some;
    }
    return line;
  }
  std::string ask(std::string_view request) {
    send(request);
    return read_line();
  }

 private:
  bool fill() {
    std::vector<char> some(256 * 1024);
    const ssize_t got = ::recv(socket_, some.data(), some.size(), 0);
    if (got > 0) buffer_.append(some.data(), static_cast<std::size_t>(got));
    return got > 0;
  }

  int socket_;
  std::string buffer_;
};

std::string set_of(std::string_view key, std::size_t bytes) {
  return fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n{}\r\n", key.size(), key, bytes,
                     std::string(bytes, 'v'));
}

std::string mget_of(std::string_view key, int times) {
  std::string request = fmt::format("*{}\r\n$4\r\nMGET\r\n", times + 1);
  for (int i = 0; i < times; ++i) request += fmt::format("${}\r\n{}\r\n", key.size(), key);
  return request;
}

std::uint64_t address_space_of(pid_t process) {
  std::ifstream statm(fmt::format("/proc/{}/statm", process));
  std::uint64_t pages = 0;
  statm >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// From now on the server may have so much more of address space.
void leave_room(const ServerProcess& server, std::uint64_t bytes) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_AS, nullptr, &limit), 0);
  limit.rlim_cur = address_space_of(server.pid()) + bytes;
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_AS, &limit, nullptr), 0);
}

// As much as there may be.
void leave_all_room(const ServerProcess& server) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_AS, nullptr, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_AS, &limit, nullptr), 0);
}

// What many clients at once may do to it.
void attack(const ServerProcess& server) {
  const auto expect_value_or_error = [](const std::string& reply) {
    EXPECT_TRUE(reply.empty() || reply.starts_with("$") || reply.starts_with("-")) << reply.substr(0, 100);
  };
  std::vector<std::thread> attackers;
  for (int i = 0; i < 4; ++i) {
    attackers.emplace_back([&server, &expect_value_or_error] {
      HungryClient client(server.port());
      client.send(mget_of("large", 10));
      const std::string head = client.read_line();
      for (int n = 0; head == "*10" && n < 10; ++n) expect_value_or_error(client.skip_reply());
    });
    attackers.emplace_back([&server, i] {
      HungryClient client(server.port());
      for (int n = 0; n < 4; ++n) client.ask(set_of(fmt::format("new-{}", i), 60 * kMiBytes));
    });
    attackers.emplace_back([&server] {
      HungryClient client(server.port());
      client.ask("*1\r\n$5\r\nMULTI\r\n");
      std::string requests;
      for (int n = 0; n < 200'000; ++n)
        requests += "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\n" + std::string(100, 'v') + "\r\n";
      client.send(requests);
    });
    attackers.emplace_back([&server] {
      HungryClient client(server.port());
      std::string request = "*500001\r\n$5\r\nWATCH\r\n";
      for (int n = 0; n < 500'000; ++n) request += "$8\r\n" + fmt::format("{:08}", n) + "\r\n";
      client.ask(request);
    });
  }
  for (std::thread& attacker : attackers) attacker.join();
}

void expect_served(const ServerProcess& server) {
  HungryClient client(server.port());
  EXPECT_EQ(client.ask(set_of("small", 5)), "+OK");
  EXPECT_EQ(client.ask("*2\r\n$3\r\nGET\r\n$5\r\nsmall\r\n"), "$5");
}

TEST(MemoryLimitTest, TheBudgetKeepsTheServerWithinAMemoryCgroup) {
  std::string why_not;
  ServerProcess server({"--max-client-memory", "200MiB", "--fsync", "never"});
  ASSERT_TRUE(server.start());
  const auto limit = MemoryLimit::make(768 * kMiBytes, why_not);
  if (!limit) GTEST_SKIP() << why_not;
  ASSERT_TRUE(limit->apply_to(server.pid()));
  {
    HungryClient client(server.port());
    ASSERT_EQ(client.ask(set_of("large", 60 * kMiBytes)), "+OK");
  }
  attack(server);
  expect_served(server);
  EXPECT_EQ(server.stop(), 0) << server.log();
}

TEST(MemoryLimitTest, AnAllocationThatFailsIsTheErrorOfOneRequest) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer ends the program where an allocation fails";
  ServerProcess server({"--max-client-memory", "4GiB", "--fsync", "never", "--segment-size", "4MiB"});
  ASSERT_TRUE(server.start());
  {
    HungryClient client(server.port());
    ASSERT_EQ(client.ask(set_of("large", 60 * kMiBytes)), "+OK");
  }
  leave_room(server, 150 * kMiBytes);
  attack(server);
  // A new segment needs more of address space than that, so that writes may be refused: nothing else is lost.
  HungryClient client(server.port());
  EXPECT_EQ(client.ask("*2\r\n$6\r\nSTRLEN\r\n$5\r\nlarge\r\n"), fmt::format(":{}", 60 * kMiBytes));
  leave_all_room(server);
  expect_served(server);
  EXPECT_EQ(server.stop(), 0) << server.log();
}

// As a client that goes on and on with new keys does. Without a limit of theirs the system would end the
// server.
TEST(MemoryLimitTest, KeysThatOutgrowMemoryAreRefusedAndTheServerLivesOn) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer takes more memory than the limit leaves";
  constexpr int kKeysAtOnce = 250;
  static constexpr std::size_t kKeyBytes = 1000;
  std::string why_not;
  ServerProcess server({"--max-index-memory", "96MiB", "--fsync", "never"});
  ASSERT_TRUE(server.start());
  const auto limit = MemoryLimit::make(192 * kMiBytes, why_not);
  if (!limit) GTEST_SKIP() << why_not;
  ASSERT_TRUE(limit->apply_to(server.pid()));
  HungryClient client(server.port());
  const auto key = [](int n) { return fmt::format("{:0{}}", n, kKeyBytes); };
  int stored = 0, last_stored = 0;
  std::string refusal;
  for (int n = 0; refusal.empty() && n < 400'000; n += kKeysAtOnce) {
    std::string requests;
    for (int i = 0; i < kKeysAtOnce; ++i) requests += set_of(key(n + i), 1);
    client.send(requests);
    for (int i = 0; i < kKeysAtOnce; ++i) {
      const std::string reply = client.read_line();
      if (reply == "+OK") {
        ++stored;  // perhaps behind one that was refused: a table does not grow with each
        last_stored = n + i;
      } else if (refusal.empty()) {
        refusal = reply;
      }
    }
  }
  EXPECT_TRUE(refusal.starts_with("-OOM ")) << refusal.substr(0, 100);
  EXPECT_NE(refusal.find("max_index_memory"), std::string::npos);
  EXPECT_GT(stored, 50'000);
  // What takes no more memory for keys goes on, and what was acknowledged is there.
  EXPECT_EQ(client.ask("*1\r\n$6\r\nDBSIZE\r\n"), fmt::format(":{}", stored));
  EXPECT_EQ(client.ask(set_of(key(0), 2)), "+OK");
  EXPECT_EQ(client.ask(fmt::format("*2\r\n$6\r\nSTRLEN\r\n${}\r\n{}\r\n", kKeyBytes, key(last_stored))),
            ":1");
  std::string removal = "*101\r\n$3\r\nDEL\r\n";
  for (int n = 0; n < 100; ++n) removal += fmt::format("${}\r\n{}\r\n", kKeyBytes, key(n));
  EXPECT_EQ(client.ask(removal), ":100");
  expect_served(server);
  EXPECT_NE(server.log().find("max_index_memory"), std::string::npos);
  EXPECT_EQ(server.stop(), 0) << server.log();
}

}  // namespace
}  // namespace minikv::test
