// How fast the server's counters grow, for INFO's instantaneous_ fields.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/thread_annotations.h"
#include "server/request/counters.h"

namespace minikv::server {

// Covers the last few seconds: the counters, less a sample of their values at that time.
// Thread safety: all members may be called from any thread.
class Rates {
 public:
  using Clock = std::chrono::steady_clock;

  struct PerSecond {
    std::uint64_t commands = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };

  explicit Rates(const Counters& counters, Clock::time_point now = Clock::now());

  // To be called about once a second; more often does no harm.
  void sample(Clock::time_point now) MINIKV_EXCLUDES(mutex_);
  PerSecond at(Clock::time_point now) const MINIKV_EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kSamples = 4;
  static constexpr std::chrono::milliseconds kInterval{900};

  struct Sample {
    Clock::time_point when;
    PerSecond totals;
  };

  Sample take(Clock::time_point now) const;

  const Counters& counters_;
  mutable engine::Mutex mutex_;
  std::array<Sample, kSamples> samples_ MINIKV_GUARDED_BY(mutex_);  // the oldest is at next_
  std::size_t next_ MINIKV_GUARDED_BY(mutex_) = 0;
};

}  // namespace minikv::server
