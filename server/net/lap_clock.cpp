// The coarse clock, and when the exact one is read.
#include "server/net/lap_clock.h"

#include <cassert>
#include <ctime>

namespace minikv::server {
namespace {

constexpr std::uint32_t kLapsBetweenExactTimes = 16;

std::chrono::nanoseconds duration_of(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

LapClock::Clock::duration coarse_time() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return duration_of(now);
}

LapClock::Clock::duration tick() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return duration_of(resolution);
}

}  // namespace

LapClock::LapClock(Clock::duration wanted) : is_exact_(wanted < 2 * tick()) {}

void LapClock::start(Clock::time_point now) {
  exact_ = now;
  laps_ = 0;
  if (!is_exact_) coarse_ = coarse_time();
}

LapClock::Clock::duration LapClock::lap() {
  assert(exact_ != Clock::time_point{});
  if (!is_exact_) {
    const Clock::duration coarse = coarse_time();
    const bool has_moved = coarse != coarse_;
    coarse_ = coarse;
    if (!has_moved && ++laps_ % kLapsBetweenExactTimes != 0) return {};
  }
  const Clock::time_point before = exact_;
  exact_ = Clock::now();
  return exact_ - before;
}

}  // namespace minikv::server
