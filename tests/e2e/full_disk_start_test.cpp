// A store on a disk without any room is opened all the same, for reading and deleting, as often as it is
// started: on a small tmpfs and on a small ext4, which somebody else fills to the last byte between a stop
// and the next start.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "minikv/options.h"
#include "tests/e2e/line.h"
#include "tests/e2e/mount.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::StartsWith;

constexpr std::uint64_t kStartDiskBytes = 48 * kMiB;

class FullDiskStartTest : public testing::TestWithParam<bool> {
 protected:
  static bool is_ext4() { return GetParam(); }

  void SetUp() override {
    if (const std::string why = is_ext4() ? why_no_loop_devices() : why_no_mounts(); !why.empty())
      GTEST_SKIP() << why;
    disk_.emplace(is_ext4() ? Mount::ext4(kStartDiskBytes) : Mount::tmpfs(kStartDiskBytes));
    server_.emplace(std::vector<std::string>{"--segment-size", "1MiB", "--compaction-threshold", "100000"},
                    disk_->path() + "/data");
    ASSERT_TRUE(server_->start());
    for (; filled_ < 5000 && put(filled_) == "+OK"; ++filled_) {
    }
    ASSERT_GT(filled_, 100);
    ASSERT_LT(filled_, 5000) << "the disk does not get full";
  }
  void TearDown() override {
    if (HasFailure() && server_) fmt::print("the server's log:\n{}", server_->log());
  }

  // Whoever else uses the disk takes all that there is of it.
  void take_what_is_left() const {
    const int fd =
        ::open((disk_->path() + "/others").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    for (std::size_t bytes = 65536; bytes > 0; bytes /= 2) {
      const std::string piece(bytes, 'o');
      while (::write(fd, piece.data(), piece.size()) == static_cast<ssize_t>(piece.size())) {
      }
    }
    EXPECT_EQ(::fsync(fd), 0);
    ::close(fd);
  }
  std::string ask(const std::string& request) const {
    return Line(server_->port()).ask(request).value_or("no answer");
  }
  std::string put(int i) const {
    const std::string value(20'000, static_cast<char>('a' + i % 26));
    return ask(fmt::format("put key{} {}\r\n{}", i, value.size(), value));
  }
  std::string get(int i) const { return ask(fmt::format("get key{}", i)); }
  // The log is written a moment later.
  bool is_logged(const std::string& words) const {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (server_->log().find(words) == std::string::npos) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  std::size_t count_in_log(const std::string& words) const {
    const std::string log = server_->log();
    std::size_t count = 0;
    for (std::size_t at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) ++count;
    return count;
  }
  // Of INFO's section about the disk.
  std::string info(const std::string& name) const {
    Line line(server_->port());
    (void)line.ask("*2\r\n$4\r\nINFO\r\n$11\r\npersistence");
    for (std::optional<std::string> next = line.line(); next; next = line.line()) {
      if (next->starts_with(name + ":")) return next->substr(name.size() + 1);
      if (next->starts_with("read_only:")) break;
    }
    return "no such field";
  }

  std::optional<Mount> disk_;
  std::optional<ServerProcess> server_;
  int filled_ = 0;
};

INSTANTIATE_TEST_SUITE_P(On, FullDiskStartTest, testing::Bool(),
                         [](const auto& instance) { return std::string(instance.param ? "Ext4" : "Tmpfs"); });

TEST_P(FullDiskStartTest, EachStartServesReadsAndDeletes) {
  EXPECT_EQ(info("disk_full"), "yes");
  EXPECT_EQ(info("aof_last_write_status"), "err");
  EXPECT_EQ(info("writes_refused_disk_full"), "1");
  EXPECT_TRUE(is_logged("the disk is full: writes that take room are refused"));
  int deleted = 0;
  for (int start = 0; start < 4; ++start) {
    if (start == 2) {
      server_->kill9();
    } else {
      ASSERT_EQ(server_->stop(), 0);
    }
    take_what_is_left();
    ASSERT_TRUE(server_->start()) << start;
    for (int i = 0; i < filled_; ++i) {
      if (i < deleted) {
        ASSERT_THAT(get(i), StartsWith("-NOTFOUND")) << start << " " << i;
      } else {
        ASSERT_THAT(get(i), StartsWith("+VALUE")) << start << " " << i;
      }
    }
    for (int i = 0; i < 3; ++i) ASSERT_EQ(ask(fmt::format("delete key{}", deleted++)), "+INT 1") << start;
    for (int i = 0; i < 40 && !put(100'000 + i).starts_with("-DISKFULL"); ++i) {
    }
    EXPECT_THAT(put(100'000), StartsWith("-DISKFULL")) << start;
    EXPECT_EQ(info("aof_last_write_status"), "err") << start;
    EXPECT_NE(info("disk_reserve_bytes"), "0") << start;
  }
  // Somebody makes room.
  std::filesystem::remove(disk_->path() + "/others");
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (put(200'000) != "+OK" && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_EQ(put(200'000), "+OK");
  while (info("aof_last_write_status") != "ok" && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(info("aof_last_write_status"), "ok");
  EXPECT_TRUE(is_logged("the disk has room again after"));
  EXPECT_LT(count_in_log("compaction given up"), 40U) << "told each time";
  ASSERT_TRUE(server_->restart());
  EXPECT_THAT(get(200'000), StartsWith("+VALUE"));
  for (int i = 0; i < filled_; ++i)
    ASSERT_THAT(get(i), StartsWith(i < deleted ? "-NOTFOUND" : "+VALUE")) << i;
  EXPECT_EQ(server_->stop(), 0);
}

}  // namespace
}  // namespace minikv::test
