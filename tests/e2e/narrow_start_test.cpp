// Starts of the real server where the system gives little: addresses, file sizes, inodes, a disk to write to.
// It serves as far as it can, and says what to do where it can't.
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "minikv/options.h"
#include "tests/e2e/line.h"
#include "tests/e2e/mount.h"
#include "tests/support/server_process.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string ask(const ServerProcess& server, const std::string& request) {
  return Line(server.port()).ask(request).value_or("no answer");
}
std::string put(const ServerProcess& server, const std::string& key, std::size_t bytes) {
  return ask(server, fmt::format("put {} {}\r\n{}", key, bytes, std::string(bytes, 'v')));
}

TEST(NarrowStartTest, FewAddressesServeManySegments) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer takes addresses without end";
  ServerProcess server({"--fsync", "never", "--segment-size", "8MiB"});
  server.set_address_limit(600 * kMiB);
  ASSERT_TRUE(server.start());
  for (int start = 0; start < 2; ++start) {
    for (int i = 0; i < 50; ++i)
      ASSERT_EQ(put(server, fmt::format("key{}-{}", start, i), 1'000'000), "+OK") << i;
    for (int i = 1; i < 50; ++i)
      ASSERT_THAT(ask(server, fmt::format("get key{}-{}", start, i)), StartsWith("+VALUE")) << i;
    EXPECT_EQ(ask(server, fmt::format("delete key{}-0", start)), "+INT 1");
    EXPECT_THAT(ask(server, "compact"), StartsWith("+OK"));
    ASSERT_TRUE(server.restart());
  }
  EXPECT_THAT(server.log(), Not(HasSubstr("no spare segment")));
}

TEST(NarrowStartTest, TooFewAddressesAreNamed) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer takes addresses without end";
  int refused = 0;
  for (std::uint64_t mebibytes = 80; mebibytes <= 400; mebibytes += 40) {
    ServerProcess server;
    server.set_address_limit(mebibytes * kMiB);
    if (server.start()) {
      // Perhaps there is no memory for a key: that is an error of the write.
      EXPECT_THAT(ask(server, "set key value"), AnyOf("+OK", StartsWith("-OOM"))) << mebibytes;
      EXPECT_EQ(server.stop(), 0) << server.log();
      continue;
    }
    ++refused;
    EXPECT_THAT(server.log(), HasSubstr("ulimit -v")) << mebibytes;
    EXPECT_THAT(server.log(), Not(HasSubstr("data_dir"))) << mebibytes;
  }
  EXPECT_LT(refused, 8);
}

TEST(NarrowStartTest, ALimitOfFileSizesIsNamed) {
  ServerProcess server;
  server.set_file_size_limit(10 * kMiB);
  ASSERT_FALSE(server.start());
  EXPECT_THAT(server.log(), HasSubstr("ulimit -f"));
  EXPECT_THAT(server.log(), Not(HasSubstr("data_dir")));
}

TEST(NarrowStartTest, AReadOnlyMountIsNamed) {
  if (const std::string why = why_no_mounts(); !why.empty()) GTEST_SKIP() << why;
  const Mount disk = Mount::tmpfs(32 * kMiB);
  ServerProcess server({"--segment-size", "1MiB"}, disk.path() + "/data");
  ASSERT_TRUE(server.start());
  ASSERT_EQ(server.stop(), 0);
  ASSERT_EQ(::mount(nullptr, disk.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  ASSERT_FALSE(server.start());
  EXPECT_THAT(server.log(), HasSubstr("mounted read-only"));
  EXPECT_THAT(server.log(), Not(HasSubstr("data_dir")));
}

// Neither a LOCK nor a port file can be made.
TEST(NarrowStartTest, WithoutInodesItServesAndAPortFileIsRefusedBeforeItDoes) {
  if (const std::string why = why_no_loop_devices(); !why.empty()) GTEST_SKIP() << why;
  const Mount disk = Mount::ext4(32 * kMiB);
  ServerProcess server({"--segment-size", "1MiB"}, disk.path() + "/data");
  ASSERT_TRUE(server.start());
  ASSERT_EQ(put(server, "key", 100), "+OK");
  server.kill9();
  fs::remove(disk.path() + "/data/LOCK");
  for (int i = 0; std::ofstream(fmt::format("{}/others{}", disk.path(), i)).is_open(); ++i) {
  }
  ASSERT_TRUE(server.start());
  EXPECT_FALSE(fs::exists(disk.path() + "/data/LOCK"));
  EXPECT_THAT(server.log(), HasSubstr("no file LOCK"));
  EXPECT_THAT(ask(server, "get key"), StartsWith("+VALUE"));
  ServerProcess second({"--segment-size", "1MiB"}, disk.path() + "/data");
  ASSERT_FALSE(second.start());
  EXPECT_THAT(second.log(), HasSubstr("another process has this store open"));
  ASSERT_EQ(server.stop(), 0);

  ServerProcess third({"--segment-size", "1MiB", "--port-file", disk.path() + "/port"},
                      disk.path() + "/data");
  ASSERT_FALSE(third.start());
  EXPECT_THAT(third.log(), HasSubstr("make room on its disk"));
  EXPECT_THAT(third.log(), Not(HasSubstr("serves")));
}

class SmallDiskTest : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(MiB, SmallDiskTest, testing::Values(16, 24, 40, 64, 100),
                         [](const auto& instance) { return std::to_string(instance.param); });

// With the segments that nobody has made smaller.
TEST_P(SmallDiskTest, IsFullAtThreeFourthsOfTheFirstSegment) {
  if (const std::string why = why_no_loop_devices(); !why.empty()) GTEST_SKIP() << why;
  const Mount disk = Mount::ext4(static_cast<std::uint64_t>(GetParam()) * kMiB);
  ServerProcess server({}, disk.path() + "/data");
  ASSERT_TRUE(server.start());
  const auto segment_bytes = static_cast<double>(fs::file_size(disk.path() + "/data/segment-00000001.dat"));
  constexpr std::size_t kLargeValueBytes = 100'000;
  int written = 0;
  std::string reply;
  for (; written < 1'000; ++written) {
    reply = put(server, fmt::format("key{}", written), kLargeValueBytes);
    if (reply != "+OK") break;
  }
  EXPECT_THAT(reply, StartsWith("-DISKFULL"));
  const double part = static_cast<double>(written) * kLargeValueBytes / segment_bytes;
  EXPECT_GT(part, 0.65);
  EXPECT_LT(part, 0.8);
  for (int start = 0; start < 2; ++start) {
    for (int i = 0; i < 10; ++i)
      EXPECT_EQ(ask(server, fmt::format("delete key{}", 10 * start + i)), "+INT 1");
    ASSERT_TRUE(server.restart());
    EXPECT_THAT(server.log(), HasSubstr("the disk is full: writes that take room are refused"));
  }
  EXPECT_EQ(ask(server, "delprefix key"), fmt::format("+INT {}", written - 20));
}

}  // namespace
}  // namespace minikv::test
