// Millions of keys into an index while a store is being opened, by several threads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/index/index.h"

namespace minikv::engine {

// Index::load() for many keys. Each key's place in memory is another one, and a thread that takes one after
// the other waits for memory most of the time, and for the locks of others. So they are gathered by the lock
// that guards them and loaded some dozens at a time, with all that they need begun to be fetched beforehand.
//
// Thread safety: not thread-safe; several may fill one index.
class IndexLoader {
 public:
  explicit IndexLoader(Index& index) : index_(index) {}

  // The key's bytes must stay until flush().
  void add(std::string_view key, const Place& place) {
    const std::uint64_t hash = hash_of(key);
    auto& batch = batches_[HashShard::shard_of(hash)];
    batch.push_back({hash, key, place});
    if (batch.size() < kBatch) return;
    if (batch.size() == kMost) {
      flush(batch);
    } else if (batch.size() % kBatch == 0 && index_.try_load(batch)) {
      batch.clear();
    }
  }
  // All that was added is in the index.
  void flush() {
    for (auto& batch : batches_) flush(batch);
  }

 private:
  // Where another thread is at it, there are other things to do than wait, for a while.
  static constexpr std::size_t kBatch = 32, kMost = 256;

  void flush(std::vector<Index::Loaded>& batch) {
    if (!batch.empty()) index_.load(batch);
    batch.clear();
  }

  Index& index_;
  std::array<std::vector<Index::Loaded>, HashShard::kShards> batches_;
};

}  // namespace minikv::engine
