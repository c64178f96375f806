// A piece of a key as a number, for sorting many keys with few looks at them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace minikv::engine {

inline constexpr std::size_t kPieceBytes = 7;  // of the key, in a piece

// Packs up to kPieceBytes bytes of the key from `skip` on, and how many are left, into a number; the key has
// at least `skip` bytes. The numbers compare as the keys do: of keys with equal bytes the shorter one is
// smaller. If the pieces of distinct keys are equal, both keys continue behind them.
inline std::uint64_t piece_of(std::string_view key, std::size_t skip) {
  const std::size_t left = key.size() - skip;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, key.data() + skip, std::min(left, kPieceBytes));
  return __builtin_bswap64(bytes) | std::min(left, kPieceBytes + 1);
}

}  // namespace minikv::engine
