// What the modes that sync later may lose: the end of the history, and nothing else.
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sim_explorer.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

using ::testing::IsEmpty;

Options with_mode(Fsync fsync) {
  Options options = sim_options();
  options.fsync = fsync;
  return options;
}

class CrashModesTest : public ::testing::TestWithParam<Fsync> {};

INSTANTIATE_TEST_SUITE_P(Fsync, CrashModesTest, ::testing::Values(Fsync::kInterval, Fsync::kNever),
                         [](const auto& instance) {
                           return instance.param == Fsync::kNever ? "Never" : "Interval";
                         });

TEST_P(CrashModesTest, APowerCutLeavesAPrefixAndAKilledProcessLosesNothing) {
  SimRun run(with_mode(GetParam()));
  run.note_crash_points();
  ASSERT_EQ(run_script(run), "");
  ASSERT_EQ(run.close().message(), "");
  const auto points = run.take_crash_points();
  Explorer explorer(with_mode(GetParam()), [](const CrashPoint& point, CrashMode mode) {
    return mode == CrashMode::kKeepAll ? point.history.allowed() : point.history.allowed_prefixes(0);
  });
  explorer.explore(points, {.tears = 2, .random = scaled_rounds(16), .seed = test_seed(1)});
  std::cout << points.size() << " crash points, " << explorer.summary() << "\n";
  EXPECT_THAT(explorer.failures(), IsEmpty());
}

TEST(CrashIntervalTest, LosesNoMoreThanTheIntervalSays) {
  Options options = with_mode(Fsync::kInterval);
  options.fsync_interval_ms = 1000;
  constexpr std::int64_t kStepMs = 100;
  SimRun run(options);
  run.note_crash_points();
  ASSERT_TRUE(run.open().is_ok());
  std::vector<std::int64_t> acknowledged_ms;
  for (int i = 0; i < 60; ++i) {
    run.clock().advance_ms(kStepMs);
    ASSERT_TRUE(
        run.write({{fmt::format("k{}", i % 9), std::string(static_cast<std::size_t>(i) * 7, 'v')}}).is_ok());
    acknowledged_ms.push_back(run.clock().steady_ms());
  }
  const auto points = run.take_crash_points();
  Explorer explorer(options, [&](const CrashPoint& point, CrashMode mode) {
    if (mode == CrashMode::kKeepAll) return point.history.allowed();
    std::size_t durable = 0;
    // In single-threaded mode a sync that is due happens at the next write, one step later.
    while (durable < point.history.size() &&
           acknowledged_ms[durable] < point.time_ms - options.fsync_interval_ms - kStepMs) {
      ++durable;
    }
    return point.history.allowed_prefixes(durable);
  });
  explorer.explore(points, {.tears = 2, .random = scaled_rounds(16), .seed = test_seed(1)});
  std::cout << points.size() << " crash points, " << explorer.summary() << "\n";
  EXPECT_THAT(explorer.failures(), IsEmpty());
}

}  // namespace
}  // namespace minikv::sim
