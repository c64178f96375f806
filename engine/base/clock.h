// The clocks that the engine reads.
#pragma once

#include <cstdint>

namespace minikv::engine {

// Thread safety: all members may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t wall_ms() const = 0;    // since 1970, may jump either way
  virtual std::int64_t steady_ms() const = 0;  // since some moment, never goes back
  // steady_ms(), up to a few milliseconds behind, for callers that read it all the time.
  virtual std::int64_t coarse_ms() const { return steady_ms(); }

  // The boot that steady_ms() counts from: another number for each boot. 0: not known.
  virtual std::uint64_t boot() const { return 1; }

  static Clock& system();
};

}  // namespace minikv::engine
