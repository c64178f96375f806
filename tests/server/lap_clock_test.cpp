// Laps by the coarse clock: long ones are exact, short ones do not add up to more than the time.
#include "server/net/lap_clock.h"

#include <gtest/gtest.h>

namespace minikv::server {
namespace {

using namespace std::chrono_literals;
using Clock = LapClock::Clock;

void work_for(Clock::duration time) {
  const Clock::time_point end = Clock::now() + time;
  while (Clock::now() < end) {
  }
}

// Whatever stands before it in the pipeline.
TEST(LapClockTest, ALongLapIsNoticedAndIsAsLongAsItIs) {
  for (int before = 0; before < 40; ++before) {
    LapClock laps(100ms);
    laps.start(Clock::now());
    for (int i = 0; i < before; ++i) laps.lap();
    const Clock::time_point began = Clock::now();
    work_for(20ms);
    const Clock::duration lap = laps.lap();
    EXPECT_GE(lap, 20ms) << before;
    EXPECT_LE(lap, Clock::now() - began + 10ms) << before << ": at most a tick more";
  }
}

TEST(LapClockTest, LapsDoNotAddUpToMoreThanTheTime) {
  LapClock laps(100ms);
  const Clock::time_point began = Clock::now();
  laps.start(began);
  Clock::duration sum{};
  for (int i = 0; i < 100'000; ++i) sum += laps.lap();
  EXPECT_LE(sum, Clock::now() - began);
}

TEST(LapClockTest, WhereShortLapsAreWantedEachIsExact) {
  LapClock laps(0ms);
  laps.start(Clock::now());
  for (int i = 0; i < 100; ++i) {
    work_for(50us);
    EXPECT_GE(laps.lap(), 50us);
  }
}

}  // namespace
}  // namespace minikv::server
