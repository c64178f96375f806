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
};

}  // namespace

Clock& Clock::system() {
  static SystemClock clock;
  return clock;
}

}  // namespace minikv::engine
