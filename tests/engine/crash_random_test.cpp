// Crashes at every call of random histories. As in crash_test.cpp, but nobody has thought of the order of
// things. A failure names its seed; MINIKV_TEST_SEED repeats it, MINIKV_TEST_ROUNDS lengthens the search,
// MINIKV_TEST_STATES ends it.
#include <iostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sim_explorer.h"
#include "tests/support/sim_random.h"
#include "tests/support/test_scale.h"

namespace minikv::sim {
namespace {

using ::testing::IsEmpty;

Explorer::Allowed allowed_by(const Options& options) {
  return [mode = options.fsync](const CrashPoint& point, CrashMode crash) {
    // A process that is killed loses nothing in any mode.
    const bool killed = crash == CrashMode::kKeepAll && !point.after_power_cut;
    if (mode == Fsync::kAlways || killed) return point.history.allowed();
    return point.history.allowed_prefixes(0);
  };
}

TEST(CrashRandomTest, AtEveryCallOfRandomHistories) {
  const std::uint64_t first = test_seed(1);
  const std::uint64_t rounds = scaled_rounds(24);
  const std::uint64_t enough = test::environment_number("MINIKV_TEST_STATES", 0);
  std::uint64_t points = 0, states = 0, duplicates = 0, histories = 0;
  for (std::uint64_t seed = first; seed < first + rounds && (enough == 0 || states < enough); ++seed) {
    SCOPED_TRACE(testing::Message() << "MINIKV_TEST_SEED=" << seed << " MINIKV_TEST_ROUNDS=1");
    RandomHistory history({.seed = seed, .steps = 40, .crashes = false, .small = true});
    history.store().note_crash_points();
    ASSERT_EQ(history.run(), "");
    ASSERT_EQ(history.store().close().message(), "");
    const auto crash_points = history.store().take_crash_points();
    Explorer explorer(history.options(), allowed_by(history.options()));
    // Some of the recoveries are crashed as well.
    explorer.explore(crash_points, {.tears = 2, .random = 6, .seed = seed, .depth = 2, .stride = 97});
    ASSERT_THAT(explorer.failures(), IsEmpty());
    ++histories;
    points += crash_points.size();
    states += explorer.states();
    duplicates += explorer.duplicates();
  }
  std::cout << histories << " random histories, " << points << " crash points, " << states
            << " states of the disk explored, " << duplicates << " more were repetitions\n";
}

}  // namespace
}  // namespace minikv::sim
