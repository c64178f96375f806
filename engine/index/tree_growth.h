// How much memory a B-tree may ask for.
#pragma once

#include <algorithm>
#include <cstddef>

namespace minikv::engine {

// At most so many bytes are allocated when `count` values of `value_bytes` are inserted into one of absl's
// B-trees that has `size` of them. Its nodes have 256 bytes, with children 512 or less, and are half full at
// least.
inline std::size_t growth_of_tree(std::size_t size, std::size_t count, std::size_t value_bytes) {
  constexpr std::size_t kNodeBytes = 256, kMostHeight = 16;
  if (count == 0) return 0;
  const std::size_t per_node = kNodeBytes / value_bytes / 2;
  // Any node that is there may be full; one that is new takes half of its values before it is.
  const std::size_t splits = std::min(count, size / per_node + 1) + count / (per_node / 2) + 1;
  return splits * kNodeBytes + (splits / (per_node / 2) + 2 * kMostHeight) * 2 * kNodeBytes;
}

}  // namespace minikv::engine
