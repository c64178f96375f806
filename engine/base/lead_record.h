// What is on record of engine time's lead over the wall clock.
#pragma once

#include <cstdint>

#include "minikv/store_time.h"

namespace minikv::engine {

// No clock that says more, or less than its negative, is believed.
inline constexpr std::int64_t kLatestMs = std::int64_t{1} << 52;

struct LeadRecord {
  TimeLead lead;
  std::int64_t steady_ms = 0;  // what the steady clock said when it began
  std::uint64_t boot = 0;      // since when that one counts: Clock::boot()

  bool operator==(const LeadRecord&) const = default;
};

}  // namespace minikv::engine
