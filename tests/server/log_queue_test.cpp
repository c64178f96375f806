// The log never waits for whoever should read it, and says what it lost by that.
#include "server/log/log_queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace minikv::server {
namespace {

using namespace std::chrono_literals;

std::string note(std::uint64_t lines) { return fmt::format("lost {}\n", lines); }

class LogPipe {
 public:
  LogPipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) std::abort();
  }
  ~LogPipe() {
    close_reader();
    close_writer();
  }
  LogPipe(const LogPipe&) = delete;
  LogPipe& operator=(const LogPipe&) = delete;

  int writer() const { return ends_[1]; }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }

  std::string read_line() {
    std::string line;
    char byte = 0;
    while (::read(ends_[0], &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }
  std::vector<std::string> read_lines_to_end() {
    std::string all;
    std::vector<char> piece(65536);
    for (ssize_t got = 0; (got = ::read(ends_[0], piece.data(), piece.size())) > 0;)
      all.append(piece.data(), static_cast<std::size_t>(got));
    std::vector<std::string> lines;
    std::istringstream stream(all);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

 private:
  void close_end(int end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }
  int ends_[2] = {-1, -1};
};

TEST(LogQueueTest, LinesArriveInOrderAndAllBeforeTheEnd) {
  LogPipe pipe;
  std::vector<std::string> read;
  std::thread reader([&] { read = pipe.read_lines_to_end(); });
  {
    LogQueue queue(pipe.writer(), note);
    for (int i = 0; i < 10'000; ++i) queue.push(fmt::format("line {}\n", i));
    EXPECT_TRUE(queue.flush(30s));
    EXPECT_EQ(queue.lost(), 0U);
  }
  pipe.close_writer();
  reader.join();
  ASSERT_EQ(read.size(), 10'000U);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(read[static_cast<std::size_t>(i)], fmt::format("line {}", i));
}

// Nobody reads while a hundred times as much is logged as a pipe takes. What is lost stands where it is
// missing.
TEST(LogQueueTest, AReaderThatDoesNotReadHoldsNobodyUpAndWhatItLosesIsTold) {
  LogPipe pipe;
  auto queue = std::make_unique<LogQueue>(pipe.writer(), note);
  const std::string filling(1000, 'x');
  constexpr int kLines = 10'000;
  for (int i = 0; i < kLines; ++i) queue->push(fmt::format("{} {}\n", i, filling));
  const std::uint64_t lost = queue->lost();
  EXPECT_GT(lost, 0U);
  EXPECT_FALSE(queue->flush(1ms));
  std::vector<std::string> read;
  std::thread reader([&] { read = pipe.read_lines_to_end(); });
  while (!queue->flush(30s)) std::this_thread::yield();  // it has given up until something is read
  queue->push("behind\n");
  queue.reset();
  pipe.close_writer();
  reader.join();
  ASSERT_EQ(read.back(), "behind");
  read.pop_back();
  std::uint64_t next = 0;  // line, by those that are there and those that are said to be lost
  std::uint64_t told = 0;
  for (const std::string& line : read) {
    if (line.starts_with("lost ")) {
      const std::uint64_t lines = std::stoull(line.substr(5));
      told += lines;
      next += lines;
    } else {
      ASSERT_TRUE(line.starts_with(fmt::format("{} ", next))) << next;
      ++next;
    }
  }
  EXPECT_EQ(next, kLines);
  EXPECT_EQ(told, lost);
}

TEST(LogQueueTest, WhatIsLostIsToldThoughNothingIsLoggedAnyMore) {
  LogPipe pipe;
  LogQueue queue(pipe.writer(), note);
  const std::string filling(100'000, 'x');
  for (int i = 0; i < 100; ++i) queue.push(filling + "\n");
  const std::uint64_t lost = queue.lost();
  ASSERT_GT(lost, 0U);
  std::uint64_t seen = 0;
  std::uint64_t told = 0;
  while (seen + told < 100) {
    const std::string line = pipe.read_line();
    ASSERT_FALSE(line.empty()) << "the pipe has ended";
    line.starts_with("lost ") ? told += std::stoull(line.substr(5)) : ++seen;
  }
  EXPECT_EQ(told, lost);
}

TEST(LogQueueTest, AnEndDoesNotWaitForAReaderForLong) {
  LogPipe pipe;
  const auto begin = std::chrono::steady_clock::now();
  {
    LogQueue queue(pipe.writer(), note);
    queue.push(std::string(200'000, 'x') + "\n");
    EXPECT_FALSE(queue.flush(10ms));
    EXPECT_FALSE(queue.flush(30s)) << "a second wait for the same";
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  while (pipe.read_line().size() != 200'000) {
  }
}

TEST(LogQueueTest, WhatCannotBeWrittenIsCountedAndToldWhenItCan) {
  LogPipe pipe;
  LogQueue queue(pipe.writer(), note);
  queue.push("one\n");
  EXPECT_EQ(pipe.read_line(), "one");
  const int good = ::dup(pipe.writer());
  const int bad = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ::dup2(bad, pipe.writer());
  for (int i = 0; i < 3; ++i) {
    queue.push("lost\n");
    EXPECT_TRUE(queue.flush(30s)) << "does not wait for what fails";
  }
  EXPECT_EQ(queue.lost(), 3U);
  ::dup2(good, pipe.writer());
  queue.push("two\n");
  EXPECT_EQ(pipe.read_line(), "lost 3");
  EXPECT_EQ(pipe.read_line(), "two");
  ::close(good);
  ::close(bad);
}

TEST(LogQueueTest, APipeWithoutAReaderEndsNothing) {
  LogPipe pipe;
  pipe.close_reader();
  LogQueue queue(pipe.writer(), note);
  queue.push("line\n");
  EXPECT_TRUE(queue.flush(30s));
  EXPECT_EQ(queue.lost(), 1U);
}

TEST(LogQueueTest, ADescriptorThatDoesNotWaitIsWaitedFor) {
  LogPipe pipe;
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  std::vector<std::string> read;
  {
    LogQueue queue(pipe.writer(), note);
    for (int i = 0; i < 500; ++i) queue.push(std::string(1000, 'x') + "\n");
    std::thread reader([&] { read = pipe.read_lines_to_end(); });
    EXPECT_TRUE(queue.flush(30s));
    pipe.close_writer();
    reader.join();
  }
  EXPECT_EQ(read.size(), 500U);
}

}  // namespace
}  // namespace minikv::server
