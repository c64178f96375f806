// A filter of the keys that a segment names, which compaction asks before it drops a tombstone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/index/hash.h"

namespace minikv::engine {

// A Bloom filter of two bytes a key, whose probes for one key share a cache line. About one key in a thousand
// that was never added passes all the same; one that was added always does.
//
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class KeyFilter {
 public:
  explicit KeyFilter(std::size_t keys);
  void add(std::string_view key) { add(hash_of(key)); }
  // For many keys: fetch() prefetches the memory that add() of the same hash changes.
  void fetch(std::uint64_t hash) const { __builtin_prefetch(&blocks_[block_of(hash)], 1); }
  void add(std::uint64_t hash);
  bool may_hold(std::string_view key) const;
  std::size_t memory_bytes() const { return blocks_.size() * sizeof(Block); }

 private:
  using Block = std::array<std::uint64_t, 8>;
  static constexpr unsigned kProbes = 8;

  std::size_t block_of(std::uint64_t hash) const {
    return static_cast<std::size_t>(((hash & 0xFFFFFFFF) * blocks_.size()) >> 32);
  }

  std::vector<Block> blocks_;
};

}  // namespace minikv::engine
