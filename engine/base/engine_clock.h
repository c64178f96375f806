// Engine time: never steps back, whatever the wall clock does.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/thread_annotations.h"
#include "engine/io/clock.h"

namespace minikv::engine {

// now = max(wall clock, last engine time + what the steady clock says has passed since).
// Thread safety: all members may be called from any thread.
class EngineClock {
 public:
  explicit EngineClock(const Clock& clock) : clock_(clock), last_steady_ms_(clock.steady_ms()) {}

  // No later time was ever recorded than `floor_ms`: engine time goes on from there.
  void raise_to(std::int64_t floor_ms) {
    MutexLock lock(mutex_);
    last_ms_ = std::max(last_ms_, floor_ms);
  }

  std::int64_t now_ms() {
    MutexLock lock(mutex_);
    const std::int64_t steady = clock_.steady_ms();
    last_ms_ = std::max(clock_.wall_ms(), last_ms_ + (steady - last_steady_ms_));
    last_steady_ms_ = steady;
    return last_ms_;
  }

  std::int64_t steady_ms() const { return clock_.steady_ms(); }
  std::int64_t wall_ms() const { return clock_.wall_ms(); }

 private:
  const Clock& clock_;
  Mutex mutex_;
  std::int64_t last_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::int64_t last_steady_ms_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::engine
