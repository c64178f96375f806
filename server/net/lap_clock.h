// Measures how long each request keeps an event loop, with few looks at the exact time.
#pragma once

#include <chrono>
#include <cstdint>

namespace minikv::server {

// Reading the exact time costs more than many a request in a pipeline. So a lap reads the kernel's coarse
// clock, which costs next to nothing and moves once a timer tick (1 to 10 ms). The exact time is read only
// when the coarse clock has moved, and every sixteenth time. A lap that takes longer than a tick is always
// noticed. Its time includes the few laps since the last exact time, which together took less than a tick. If
// laps of less than two ticks are wanted, each lap reads the exact time.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class LapClock {
 public:
  using Clock = std::chrono::steady_clock;

  // Laps of `wanted` and more are to be noticed.
  explicit LapClock(Clock::duration wanted);

  // Begins the first lap. `now` is the time.
  void start(Clock::time_point now);
  // Ends a lap, and begins the next one. Returns how long the lap took; zero if it took less than a tick. To
  // be called after start().
  Clock::duration lap();
  // The exact time that was read last: less than a tick before the newest lap began.
  Clock::time_point last() const { return exact_; }

 private:
  bool is_exact_;
  Clock::duration coarse_{};  // at the last lap
  Clock::time_point exact_{};
  std::uint32_t laps_ = 0;
};

}  // namespace minikv::server
