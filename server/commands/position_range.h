// Parts of a value, as given to GETRANGE, BITCOUNT and BITPOS.
#pragma once

#include <algorithm>
#include <cstdint>

namespace minikv::server {

// Positions of bytes or bits, both included. Empty if the first is behind the last.
struct PositionRange {
  std::int64_t first = 0;
  std::int64_t last = -1;

  bool is_empty() const { return first > last; }
};

// Cuts the range to `length`; negative positions count from the end.
inline PositionRange resolve_positions(std::int64_t first, std::int64_t last, std::int64_t length) {
  if (first < 0) first += length;
  if (last < 0) last += length;
  return {std::max<std::int64_t>(first, 0), std::min(std::max<std::int64_t>(last, 0), length - 1)};
}

// Whether both positions count from the end, and are in the wrong order: nothing lies between them. If both
// are before the beginning, resolve_positions() would find the first byte. Redis' BITPOS finds that byte,
// too: it alone does not ask.
inline bool is_backwards_from_end(std::int64_t first, std::int64_t last) {
  return first < 0 && last < 0 && first > last;
}

}  // namespace minikv::server
