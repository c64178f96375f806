// The keys that have an expiry, by time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <absl/container/btree_set.h>

#include "engine/index/entry.h"

namespace minikv::engine {

// Costs about 23 bytes for each key that has an expiry, and nothing for the others. Does not own the entries.
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class ExpiryOrder {
 public:
  // Nothing happens to entries without an expiry.
  void insert(Entry* entry) {
    if (entry->expiry_ms() != 0) order_.emplace(entry->expiry_ms(), entry);
  }
  // Before its expiry is changed or it is destroyed.
  void erase(Entry* entry) {
    if (entry->expiry_ms() != 0) order_.erase({entry->expiry_ms(), entry});
  }
  // Instead of insert(), many at once, when nothing is there yet.
  void build(const std::vector<Entry*>& entries);

  std::size_t size() const { return order_.size(); }
  std::size_t memory_bytes() const { return order_.size() * sizeof(Due) * 4 / 3; }
  std::optional<std::int64_t> first_expiry() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }
  // Up to `limit` entries that have expired at `now_ms`, earliest first.
  std::vector<Entry*> expired(std::int64_t now_ms, std::size_t limit) const;
  // How many those are.
  std::size_t count_expired(std::int64_t now_ms, std::size_t limit) const {
    std::size_t count = 0;
    for (auto it = order_.begin(); count < limit && it != order_.end() && it->first <= now_ms; ++it) ++count;
    return count;
  }
  void swap(ExpiryOrder& other) { order_.swap(other.order_); }

 private:
  using Due = std::pair<std::int64_t, Entry*>;
  absl::btree_set<Due> order_;
};

}  // namespace minikv::engine
