// A piece of a key as a number, for sorting many keys with few looks at them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace minikv::engine {

inline constexpr std::size_t kPieceBytes = 7;  // of the key, in a piece

// Seven bytes of the key from `skip` on (it has so many) and how many there were, in an order in which
// numbers compare as keys do: where the bytes are equal, the shorter key is the smaller one. Equal pieces of
// distinct keys: both go on behind them.
inline std::uint64_t piece_of(std::string_view key, std::size_t skip) {
  const std::size_t left = key.size() - skip;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, key.data() + skip, std::min(left, kPieceBytes));
  return __builtin_bswap64(bytes) | std::min(left, kPieceBytes + 1);
}

}  // namespace minikv::engine
