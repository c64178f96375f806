#include <time.h>

#include <chrono>

#include "engine/io/clock.h"

namespace minikv::engine {
namespace {

template <typename Source>
std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Source::now().time_since_epoch()).count();
}

class SystemClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms<std::chrono::system_clock>(); }
  std::int64_t steady_ms() const override { return now_ms<std::chrono::steady_clock>(); }
  std::int64_t coarse_ms() const override {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  }
};

}  // namespace

Clock& Clock::system() {
  static SystemClock clock;
  return clock;
}

}  // namespace minikv::engine
