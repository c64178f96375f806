// The power fails, for real as far as the file system can tell: an ext4 on a loop device is shut down under
// the loaded server, so that whatever had not reached the device never does. What `fsync` promises is there
// afterwards.
#include <chrono>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "minikv/options.h"
#include "tests/e2e/mount.h"
#include "tests/e2e/writing_client.h"
#include "tests/support/server_process.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kInterval(200);
// The duration of one sync, which `interval` may lose as well, is not known here: this is a long one.
constexpr milliseconds kLongSync(1500);

// As of EXT4_IOC_SHUTDOWN.
enum Shutdown : std::uint32_t { kSyncsAll = 0, kWritesJournal = 1, kDropsAll = 2 };

class PowerLossTest : public testing::TestWithParam<const char*> {
 protected:
  // Up to which acknowledgement nothing may be lost, if the power was cut then.
  static WritingClient::Time durable_until(const std::string& mode, Shutdown how, WritingClient::Time cut) {
    if (how == kSyncsAll || mode == "always") return WritingClient::kNothing;
    return mode == "interval" ? cut - kInterval - kLongSync : WritingClient::kAnything;
  }
};

TEST_P(PowerLossTest, WhatTheModePromisesIsThereAfterwards) {
  if (const std::string why = why_no_loop_devices(); !why.empty()) GTEST_SKIP() << why;
  const std::string mode = GetParam();
  const std::uint64_t rounds = environment_number("MINIKV_TEST_POWER_ROUNDS", kIsSanitized ? 4 : 6);
  std::mt19937_64 random(test_seed(20261122));
  Mount disk = Mount::ext4(512 * kMiB);
  ServerProcess server(
      {"--segment-size", "1MiB", "--fsync", mode, "--fsync-interval-ms", std::to_string(kInterval.count())},
      disk.path() + "/data");
  Crowd crowd(4);
  WritingClient::Time until = WritingClient::kNothing;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    ASSERT_TRUE(server.start()) << "round " << round;
    ASSERT_TRUE(crowd.check(server.port(), until)) << "round " << round;
    crowd.start(server.port());
    const milliseconds at_most = mode == "interval" ? kInterval + 2 * kLongSync : milliseconds(800);
    std::this_thread::sleep_for(milliseconds(random() % static_cast<std::uint64_t>(at_most.count())));
    const Shutdown how = round % 4 == 3 ? kSyncsAll : round % 4 == 1 ? kWritesJournal : kDropsAll;
    until = durable_until(mode, how, steady_clock::now());
    disk.cut_power(how);
    server.kill9();
    crowd.join();
    disk.remount();
  }
  ASSERT_TRUE(server.start());
  EXPECT_TRUE(crowd.check(server.port(), until));
  EXPECT_GT(crowd.acknowledged(), rounds * 10) << "too little load to say anything";
  std::cout << "fsync " << mode << ": the power cut " << rounds << " times, " << crowd.acknowledged()
            << " acknowledged writes\n";
  EXPECT_EQ(server.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, PowerLossTest, testing::Values("always", "interval", "never"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace minikv::test
