// A server with few descriptors: any number of segments, and no crowd of clients that takes those of the
// data.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/line.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kLimit = 64;

std::string value_of(int n) { return std::to_string(n) + std::string(100'000, 'v'); }

testing::AssertionResult fill(Line& line, int first, int last) {
  for (int n = first; n < last; ++n) {
    const std::string value = value_of(n);
    const auto reply = line.ask("set key" + std::to_string(n) + " " + value);
    if (reply != "+OK") return testing::AssertionFailure() << n << ": " << reply.value_or("no answer");
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult has_all(Line& line, int last) {
  for (int n = 0; n < last; ++n) {
    const auto reply = line.ask("get key" + std::to_string(n));
    if (!reply || !reply->starts_with("+VALUE ") || line.line() != value_of(n)) {
      return testing::AssertionFailure() << n << ": " << reply.value_or("no answer").substr(0, 100);
    }
  }
  return testing::AssertionSuccess();
}

std::uint64_t figure(Line& line, const std::string& name) {
  const std::string head = line.ask("stats").value_or("");
  if (!head.starts_with("+TEXT ")) return 0;
  std::uint64_t found = 0;
  for (int lines = std::stoi(head.substr(6)); lines > 0; --lines) {
    const std::string text = line.line().value_or("");
    if (text.starts_with(name + " ")) found = std::stoull(text.substr(name.size() + 1));
  }
  return found;
}

TEST(OpenFilesLimitTest, ManyMoreSegmentsThanTheLimitAreWrittenAndReadAndOpenedAgain) {
  constexpr int kKeys = 1'200;  // about 120 segments of 1 MiB
  ServerProcess server({"--segment-size", "1MiB", "--fsync", "never", "--compaction-threshold", "100000"});
  server.set_open_files_limit(kLimit);
  ASSERT_TRUE(server.start());
  {
    Line line(server.port());
    ASSERT_TRUE(fill(line, 0, kKeys));
    EXPECT_GT(figure(line, "segments"), kLimit);
    EXPECT_LT(figure(line, "open_files"), kLimit);
    EXPECT_LT(figure(line, "max_open_files"), kLimit);
    EXPECT_TRUE(has_all(line, kKeys));
  }
  ASSERT_EQ(server.stop(), 0) << server.log();
  ASSERT_TRUE(server.start()) << server.log();
  Line line(server.port());
  EXPECT_TRUE(has_all(line, kKeys));
  ASSERT_TRUE(fill(line, 0, kKeys / 2));
  EXPECT_THAT(line.ask("compact").value_or(""), StartsWith("+"));
  EXPECT_TRUE(has_all(line, kKeys));
  EXPECT_EQ(server.stop(), 0) << server.log();
}

TEST(OpenFilesLimitTest, ALimitThatCannotWorkIsRefusedAtStartWithTheNumber) {
  ServerProcess server({"--compaction-threads", "4"});
  server.set_open_files_limit(30);
  EXPECT_FALSE(server.start());
  EXPECT_THAT(server.log(), HasSubstr("the limit of open files is 30, and at least "));
  EXPECT_THAT(server.log(), HasSubstr("ulimit -n"));
}

// ---- floods ----

class Flood {
 public:
  // Connects to the server all the time, and closes what the server has closed.
  Flood(std::uint16_t port, std::size_t at_once) : thread_([this, port, at_once] { run(port, at_once); }) {}
  ~Flood() { stop(); }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::size_t connects() const { return connects_; }

 private:
  void run(std::uint16_t port, std::size_t at_once) {
    std::vector<int> sockets;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (!stopping_) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        ++connects_;
        sockets.push_back(fd);
      } else if (fd >= 0) {
        ::close(fd);
      }
      if (sockets.size() >= at_once) {
        for (std::size_t i = 0; i < sockets.size() / 2; ++i) ::close(sockets[i]);
        sockets.erase(sockets.begin(), sockets.begin() + static_cast<std::ptrdiff_t>(sockets.size() / 2));
      }
    }
    for (const int fd : sockets) ::close(fd);
  }

  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> connects_{0};
  std::thread thread_;
};

TEST(FloodTest, OfConnectionsThatAreTooManyTakesNothingFromTheData) {
  ServerProcess server({"--segment-size", "1MiB", "--fsync", "never", "--max-clients", "4"});
  server.set_open_files_limit(80);
  ASSERT_TRUE(server.start());
  Line line(server.port());
  ASSERT_EQ(line.ask("ping"), "+PONG");
  Flood flood(server.port(), 400);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  int written = 0;
  while (std::chrono::steady_clock::now() < end && written < 3'000) {
    ASSERT_TRUE(fill(line, written, written + 1)) << server.log();
    ++written;
  }
  flood.stop();
  EXPECT_GT(flood.connects(), 500U) << "it was no flood";
  EXPECT_GT(written, 20);
  EXPECT_GT(figure(line, "connections_rejected"), 400U);
  EXPECT_TRUE(has_all(line, written));

  // The log says it, and not for each of them.
  const std::string log = server.log();
  std::size_t told = 0;
  for (std::size_t at = 0; (at = log.find("turned away", at)) != std::string::npos; ++at) ++told;
  EXPECT_GE(told, 1U);
  EXPECT_LE(std::count(log.begin(), log.end(), '\n'), 40) << log;
  EXPECT_EQ(server.stop(), 0) << server.log();
}

}  // namespace
}  // namespace minikv::test
