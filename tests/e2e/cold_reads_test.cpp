// A data set several times larger than the memory that the server may use: reads of what is not in memory
// must not slow down the reads of what is, on the same event loop.
//
// MINIKV_TEST_COLD_MIB: how much data (256). MINIKV_TEST_COLD_SECONDS: how long each part is measured (2).

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/memory_limit.h"
#include "tests/support/server_process.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kValueBytes = 4'000;
constexpr std::size_t kHotKeys = 100;
constexpr std::size_t kColdPipeline = 16;
constexpr std::size_t kColdClients = 2;

std::size_t number_from(const char* variable, std::size_t standard) {
  const char* text = std::getenv(variable);
  return text == nullptr ? standard : static_cast<std::size_t>(std::atoll(text));
}

// Blocking; all replies to one kind of request have the same length here, so none is parsed.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ok_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool exchange(std::string_view request, std::size_t reply_bytes) {
    while (ok_ && !request.empty()) {
      const ssize_t sent = ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
      ok_ = sent > 0;
      if (ok_) request.remove_prefix(static_cast<std::size_t>(sent));
    }
    reply_.resize(reply_bytes);
    for (std::size_t got = 0; ok_ && got < reply_bytes;) {
      const ssize_t count = ::recv(socket_, reply_.data() + got, reply_bytes - got, 0);
      ok_ = count > 0;
      if (ok_) got += static_cast<std::size_t>(count);
    }
    return ok_;
  }
  const std::string& reply() const { return reply_; }

 private:
  int socket_;
  bool ok_;
  std::string reply_;
};

// Each value says which key it belongs to.
std::string key_of(std::size_t n) { return fmt::format("key{:08}", n); }
std::string value_of(std::size_t n) { return fmt::format("{:0{}}", n, kValueBytes); }
std::string get_request(std::size_t n) { return fmt::format("*2\r\n$3\r\nGET\r\n$11\r\n{}\r\n", key_of(n)); }
std::string get_reply(std::size_t n) { return fmt::format("${}\r\n{}\r\n", kValueBytes, value_of(n)); }
const std::size_t kReplyBytes = get_reply(0).size();

void fill(std::uint16_t port, std::size_t keys) {
  Client client(port);
  constexpr std::size_t kBatch = 256;
  for (std::size_t first = 0; first < keys; first += kBatch) {
    std::string requests;
    const std::size_t count = std::min(kBatch, keys - first);
    for (std::size_t n = first; n < first + count; ++n) {
      requests +=
          fmt::format("*3\r\n$3\r\nSET\r\n$11\r\n{}\r\n${}\r\n{}\r\n", key_of(n), kValueBytes, value_of(n));
    }
    ASSERT_TRUE(client.exchange(requests, count * std::string_view("+OK\r\n").size()));
  }
}

void drop_from_memory(const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

// What the process has had to read from the disk so far.
std::uint64_t bytes_from_disk(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/io", process));
  for (std::string name; file >> name;) {
    std::uint64_t number = 0;
    file >> number;
    if (name == "read_bytes:") return number;
  }
  return 0;
}

struct Latencies {
  std::size_t count;
  double p50_ms, p99_ms, max_ms;
};

// One request after the other, among few keys.
Latencies read_hot_keys(std::uint16_t port, std::chrono::milliseconds duration) {
  Client client(port);
  std::vector<double> took_ms;
  const auto end = Clock::now() + duration;
  for (std::size_t n = 0; Clock::now() < end; n = (n + 1) % kHotKeys) {
    const std::string request = get_request(n);
    const auto begin = Clock::now();
    const bool ok = client.exchange(request, kReplyBytes);
    took_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    if (!ok || client.reply() != get_reply(n)) {
      ADD_FAILURE() << "a wrong reply for " << key_of(n);
      break;
    }
  }
  std::sort(took_ms.begin(), took_ms.end());
  const auto at = [&](double share) {
    return took_ms[static_cast<std::size_t>(share * static_cast<double>(took_ms.size() - 1))];
  };
  return {took_ms.size(), at(0.5), at(0.99), at(1)};
}

// Clients that read keys at random, all but the hot ones, until the end of this object's life.
class ColdTraffic {
 public:
  ColdTraffic(std::uint16_t port, std::size_t keys) {
    for (std::size_t i = 0; i < kColdClients; ++i)
      threads_.emplace_back([this, port, keys, i] { run(port, keys, i); });
  }
  ~ColdTraffic() {
    done_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  ColdTraffic(const ColdTraffic&) = delete;
  ColdTraffic& operator=(const ColdTraffic&) = delete;

  std::size_t reads() const { return reads_; }

 private:
  void run(std::uint16_t port, std::size_t keys, std::size_t seed) {
    Client client(port);
    std::mt19937_64 random(seed);
    while (!done_) {
      std::string requests, expected;
      for (std::size_t i = 0; i < kColdPipeline; ++i) {
        const std::size_t n = kHotKeys + random() % (keys - kHotKeys);
        requests += get_request(n);
        expected += get_reply(n);
      }
      if (!client.exchange(requests, expected.size()) || client.reply() != expected) {
        ADD_FAILURE() << "wrong replies to cold reads";
        return;
      }
      reads_ += kColdPipeline;
    }
  }

  std::atomic<bool> done_{false};
  std::atomic<std::size_t> reads_{0};
  std::vector<std::thread> threads_;
};

std::string describe(const char* what, const Latencies& hot) {
  return fmt::format("{:<28}{:>9} reads  p50 {:.3f} ms  p99 {:.3f} ms  max {:.3f} ms\n", what, hot.count,
                     hot.p50_ms, hot.p99_ms, hot.max_ms);
}

TEST(ColdReadsTest, HotKeysOnTheSameEventLoopDoNotWaitForTheDisk) {
  if (kIsSanitized) GTEST_SKIP() << "sanitizers take more memory than the limit leaves";
  const std::size_t mib = number_from("MINIKV_TEST_COLD_MIB", 256);
  const std::chrono::milliseconds duration(1000 * number_from("MINIKV_TEST_COLD_SECONDS", 2));
  const std::size_t keys = mib * 1024 * 1024 / kValueBytes;
  std::string why_not;
  const auto limit = MemoryLimit::make(mib * 1024 * 1024 / 4, why_not);
  if (!limit) GTEST_SKIP() << "needs the right to limit a process's memory: " << why_not;

  ServerProcess server({"--io-threads", "1", "--fsync", "interval", "--segment-size", "16MiB"});
  ASSERT_TRUE(server.start());
  ASSERT_NO_FATAL_FAILURE(fill(server.port(), keys));
  ASSERT_TRUE(server.restart());
  ASSERT_TRUE(limit->apply_to(server.pid()));
  drop_from_memory(server.data_dir());

  read_hot_keys(server.port(), std::chrono::milliseconds(500));
  const Latencies alone = read_hot_keys(server.port(), duration);
  const std::uint64_t bytes_before = bytes_from_disk(server.pid());
  Latencies beside{};
  std::size_t cold_reads = 0;
  {
    const ColdTraffic cold(server.port(), keys);
    beside = read_hot_keys(server.port(), duration);
    cold_reads = cold.reads();
  }
  const std::uint64_t bytes_read = bytes_from_disk(server.pid()) - bytes_before;
  std::cout << fmt::format("{} MiB of data, a quarter of it in memory at most, one event loop\n", mib)
            << describe("hot keys alone", alone) << describe("hot keys beside cold reads", beside)
            << fmt::format("{:<28}{:>9} reads, {} KiB from the disk\n", "cold reads", cold_reads,
                           bytes_read / 1024);

  EXPECT_GT(cold_reads, 100U);
  EXPECT_GT(bytes_read, cold_reads * kValueBytes / 2) << "they were not cold";
  // Generous, as machines that run tests have other things to do. An event loop that waits for the disk makes
  // a hot read wait for whole pipelines of cold ones: hundreds of milliseconds, and half of all hot reads.
  EXPECT_LT(beside.p50_ms, 5 * alone.p50_ms + 5);
  EXPECT_LT(beside.p99_ms, 5 * alone.p99_ms + 50);
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
}  // namespace minikv::test
