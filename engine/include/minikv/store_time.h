// The two times of a store, and how one is converted to the other.
//
// Engine time is what expiry is measured by: milliseconds since 1970, as a rule the same as the wall clock,
// but it never steps back. When the wall clock does, engine time is ahead of it, and goes 1 % slower until
// the wall clock has caught up. So a key never expires early, and one that was to expire in a while is at
// most 1 % late.
//
// Whatever names a moment to people or to other programs is wall time, and has to be converted where it comes
// in or goes out.
#pragma once

#include <algorithm>
#include <cstdint>

namespace minikv {

// Engine time's lead over the wall clock: when the wall clock said `wall_ms`, engine time was `engine_ms`.
// Distinct wall times may be the same engine time, as this is the slower one, and which one is told for it
// may be another one by a millisecond. Never for whole seconds. Thread safety: a value.
struct TimeLead {
  std::int64_t wall_ms = 0;
  std::int64_t engine_ms = 0;

  bool exists() const { return engine_ms > wall_ms; }
  // At which wall time it has been used up.
  std::int64_t ends_ms() const;
  // What engine time will be when the wall clock says `wall`, unless somebody sets the clock: not earlier
  // than that.
  std::int64_t to_engine(std::int64_t wall) const;
  // What the wall clock will say then.
  std::int64_t to_wall(std::int64_t engine) const;
  // Engine time in hundredths of a millisecond; from wall_ms to ends_ms().
  std::int64_t engine_centi_ms(std::int64_t wall) const;

  bool operator==(const TimeLead&) const = default;
};

// One moment. Thread safety: a value.
struct StoreTime {
  std::int64_t engine_ms = 0;
  std::int64_t wall_ms = 0;
  TimeLead lead;  // exists while engine time is ahead by more than what clocks differ by when they are read

  std::int64_t ahead_ms() const { return lead.exists() ? engine_ms - wall_ms : 0; }
  // What has passed by one clock has passed by the other.
  std::int64_t to_engine(std::int64_t wall) const {
    const std::int64_t engine = lead.to_engine(wall);
    return wall > wall_ms ? std::max(engine, engine_ms + 1) : std::min(engine, engine_ms);
  }
  std::int64_t to_wall(std::int64_t engine) const { return lead.to_wall(engine); }
  // What durations that clients name are counted from.
  std::int64_t client_ms() const { return lead.exists() ? wall_ms : engine_ms; }
};

}  // namespace minikv
