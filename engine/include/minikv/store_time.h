// The two times of a store, and how one is converted to the other.
//
// Engine time measures expiry, in milliseconds since 1970. It is as a rule the same as the wall clock, but it
// never steps back. When the wall clock does, engine time is ahead of it, and goes 1 % slower until the wall
// clock has caught up. So a key never expires early, and at most 1 % of its remaining time late.
//
// A moment that people or other programs name, or are told, is wall time; it must be converted where it comes
// in or goes out.
#pragma once

#include <algorithm>
#include <cstdint>

namespace minikv {

// Engine time's lead over the wall clock: when the wall clock said `wall_ms`, engine time was `engine_ms`.
// Distinct wall times may be the same engine time, which is the slower one. So the wall time that to_wall()
// returns for it may be off by a millisecond, but never for whole seconds. Thread safety: a value.
struct TimeLead {
  std::int64_t wall_ms = 0;
  std::int64_t engine_ms = 0;

  bool exists() const { return engine_ms > wall_ms; }
  // The wall time at which the lead has been used up.
  std::int64_t ends_ms() const;
  // The engine time when the wall clock will say `wall`, unless the clock is set meanwhile. Rounded up, so
  // that it is not earlier than that.
  std::int64_t to_engine(std::int64_t wall) const;
  // The wall time at which engine time will be `engine`.
  std::int64_t to_wall(std::int64_t engine) const;
  // Engine time at wall time `wall`, in hundredths of a millisecond; for a `wall` from wall_ms to ends_ms().
  std::int64_t engine_centi_ms(std::int64_t wall) const;

  bool operator==(const TimeLead&) const = default;
};

// One moment. Thread safety: a value.
struct StoreTime {
  std::int64_t engine_ms = 0;
  std::int64_t wall_ms = 0;
  TimeLead lead;  // exists while engine time is ahead by more than what clocks differ by when they are read

  std::int64_t ahead_ms() const { return lead.exists() ? engine_ms - wall_ms : 0; }
  // A moment that has passed by one clock has passed by the other.
  std::int64_t to_engine(std::int64_t wall) const {
    const std::int64_t engine = lead.to_engine(wall);
    return wall > wall_ms ? std::max(engine, engine_ms + 1) : std::min(engine, engine_ms);
  }
  std::int64_t to_wall(std::int64_t engine) const { return lead.to_wall(engine); }
  // The moment that durations which clients name are counted from.
  std::int64_t client_ms() const { return lead.exists() ? wall_ms : engine_ms; }
};

}  // namespace minikv
