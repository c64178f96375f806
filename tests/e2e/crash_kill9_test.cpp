// SIGKILL at any time loses nothing that was acknowledged: the real server, under load, killed and started
// again.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/writing_client.h"
#include "tests/support/server_process.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

using ::testing::IsEmpty;

class KillTest : public testing::TestWithParam<const char*> {};

TEST_P(KillTest, NothingAcknowledgedIsLost) {
  const std::uint64_t rounds = environment_number("MINIKV_TEST_KILL_ROUNDS", kIsSanitized ? 5 : 20);
  ServerProcess server({"--segment-size", "1MiB", "--fsync", GetParam()});
  Crowd crowd(4);
  std::mt19937_64 random(test_seed(20261122));
  for (std::uint64_t round = 0; round < rounds; ++round) {
    ASSERT_TRUE(server.start());
    ASSERT_TRUE(crowd.check(server.port())) << "round " << round;
    crowd.start(server.port());
    // Any moment will do: it is the one thing here that is meant to be a matter of chance.
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 250));
    server.kill9();
    crowd.join();
  }
  ASSERT_TRUE(server.start());
  EXPECT_TRUE(crowd.check(server.port()));
  EXPECT_THAT(crowd.refusals(), IsEmpty());
  EXPECT_GT(crowd.acknowledged(), rounds * 10) << "too little load to say anything";
  std::cout << rounds << " rounds, " << crowd.acknowledged() << " acknowledged writes, none lost\n";
  EXPECT_EQ(server.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, KillTest, testing::Values("always", "interval", "never"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace minikv::test
