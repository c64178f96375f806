// How much memory a B-tree may ask for.
#pragma once

#include <algorithm>
#include <cstddef>

namespace minikv::engine {

// The maximum number of bytes that one of absl's B-trees of `size` values allocates when `count` values of
// `value_bytes` are inserted into it. Its nodes have 256 bytes, with children 512 or less, and are half full
// at least.
inline std::size_t growth_of_tree(std::size_t size, std::size_t count, std::size_t value_bytes) {
  constexpr std::size_t kNodeBytes = 256, kMaxHeight = 16;
  if (count == 0) return 0;
  const std::size_t per_node = kNodeBytes / value_bytes / 2;
  // Each existing node may be full; a new one takes half of its values before it is.
  const std::size_t splits = std::min(count, size / per_node + 1) + count / (per_node / 2) + 1;
  return splits * kNodeBytes + (splits / (per_node / 2) + 2 * kMaxHeight) * 2 * kNodeBytes;
}

}  // namespace minikv::engine
