// How long each request keeps an event loop, at the price of looking at the time now and then.
#pragma once

#include <chrono>
#include <cstdint>

namespace minikv::server {

// The exact time costs more than many a request in a pipeline does. So a lap looks at the kernel's coarse
// clock, which costs next to nothing and moves once a timer tick (1 to 10 ms), and asks for the exact time
// only when it has moved, and every sixteenth time. A lap that takes longer than a tick is always noticed,
// and is given with the few before it since the last exact time, which together took less than a tick. Where
// laps of less than two ticks are wanted, each looks at the exact time.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class LapClock {
 public:
  using Clock = std::chrono::steady_clock;

  // Laps of `wanted` and more are to be noticed.
  explicit LapClock(Clock::duration wanted);

  // A first lap begins. `now` is the time.
  void start(Clock::time_point now);
  // After start(): ends a lap, and begins the next one. How long it took; zero for one that took less than a
  // tick.
  Clock::duration lap();
  // The exact time that was looked at last: less than a tick before the newest lap began.
  Clock::time_point last() const { return exact_; }

 private:
  bool is_exact_;
  Clock::duration coarse_{};  // at the last lap
  Clock::time_point exact_{};
  std::uint32_t laps_ = 0;
};

}  // namespace minikv::server
