// A crash at every call that a store makes to the file system, and what the disk may then hold.
#include <iostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sim_explorer.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

using ::testing::IsEmpty;

std::vector<CrashPoint> crash_points_of_script(const Options& options) {
  SimRun run(options);
  run.note_crash_points();
  EXPECT_EQ(run_script(run), "");
  EXPECT_EQ(run.close().message(), "");
  return run.take_crash_points();
}

void report(const Explorer& explorer, std::size_t points) {
  std::cout << points << " crash points, " << explorer.summary() << "\n";
  EXPECT_THAT(explorer.failures(), IsEmpty());
}

TEST(CrashTest, AtEveryCallLosesNothingAcknowledgedAndInventsNothing) {
  const auto points = crash_points_of_script(sim_options());
  ASSERT_GT(points.size(), 200U);
  Explorer explorer(sim_options());
  explorer.explore(points, {.tears = 3, .random = scaled_rounds(24), .seed = test_seed(1)});
  report(explorer, points.size());
}

TEST(CrashTest, AndAgainDuringRecovery) {
  const auto points = crash_points_of_script(sim_options());
  Explorer explorer(sim_options());
  explorer.explore(
      points,
      {.tears = 1, .random = 2, .seed = test_seed(100), .depth = 2, .stride = 16 / scaled_rounds(8) + 1});
  report(explorer, points.size());
}

}  // namespace
}  // namespace minikv::sim
