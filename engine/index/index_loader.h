// Loads millions of keys into an index while a store is being opened, by several threads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/index/index.h"

namespace minikv::engine {

// Index::load() for many keys. Entries lie anywhere in memory, so a thread that loads one key after the other
// waits for memory most of the time, and for the locks of other threads. So the loader gathers keys by the
// lock that guards them, and loads some dozens at a time, after a prefetch of all that they need.
//
// Thread safety: not thread-safe; several may fill one index.
class IndexLoader {
 public:
  explicit IndexLoader(Index& index) : index_(index) {}

  // The key's bytes must stay until flush().
  void add(std::string_view key, const Location& location) {
    const std::uint64_t hash = hash_of(key);
    auto& batch = batches_[HashShard::shard_of(hash)];
    batch.push_back({hash, key, location});
    if (batch.size() < kBatch) return;
    if (batch.size() == kMax) {
      flush(batch);
    } else if (batch.size() % kBatch == 0 && index_.try_load(batch)) {
      batch.clear();
    }
  }
  // Loads all that was added into the index.
  void flush() {
    for (auto& batch : batches_) flush(batch);
  }

 private:
  // While another thread holds the lock of a shard, the loader gathers up to kMax keys for it before it
  // waits.
  static constexpr std::size_t kBatch = 32, kMax = 256;

  void flush(std::vector<Index::Loaded>& batch) {
    if (!batch.empty()) index_.load(batch);
    batch.clear();
  }

  Index& index_;
  std::array<std::vector<Index::Loaded>, HashShard::kShards> batches_;
};

}  // namespace minikv::engine
