// The record of engine time's lead over the wall clock, as the manifest stores it.
#pragma once

#include <cstdint>

#include "minikv/store_time.h"

namespace minikv::engine {

// The engine clamps readings of the wall clock to the range from -kLatestMs to kLatestMs.
inline constexpr std::int64_t kLatestMs = std::int64_t{1} << 52;

struct LeadRecord {
  TimeLead lead;
  std::int64_t steady_ms = 0;  // the steady clock when the lead began
  std::uint64_t boot = 0;      // the boot that steady_ms counts from: Clock::boot()

  bool operator==(const LeadRecord&) const = default;
};

}  // namespace minikv::engine
