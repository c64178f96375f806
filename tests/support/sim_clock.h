// A clock that stands still until a test moves it.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/clock.h"

namespace minikv::sim {

// Thread safety: all members may be called from any thread.
class SimClock final : public engine::Clock {
 public:
  std::int64_t wall_ms() const override { return wall_ms_.load(); }
  std::int64_t steady_ms() const override { return steady_ms_.load(); }

  // Time goes by.
  void advance_ms(std::int64_t ms) {
    wall_ms_ += ms;
    steady_ms_ += ms;
  }
  // Somebody sets the clock on the wall.
  void jump_wall_ms(std::int64_t ms) { wall_ms_ += ms; }
  void set_wall_ms(std::int64_t wall_ms) { wall_ms_ = wall_ms; }

 private:
  std::atomic<std::int64_t> wall_ms_{1'700'000'000'000};
  std::atomic<std::int64_t> steady_ms_{1'000};
};

}  // namespace minikv::sim
