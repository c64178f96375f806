// The keys that have an expiry, by time.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <absl/container/btree_set.h>

#include "engine/base/memory_reserve.h"
#include "engine/index/entry.h"
#include "engine/index/tree_growth.h"

namespace minikv::engine {

// Costs about 23 bytes for each key that has an expiry, and nothing for the others. Does not own the entries.
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class ExpiryOrder {
 public:
  // Ignores entries without an expiry.
  void insert(Entry* entry) {
    if (entry->expiry_ms() == 0) return;
    [[maybe_unused]] const bool is_new = order_.emplace(entry->expiry_ms(), entry).second;
    assert(is_new);
  }
  // To be called before the entry's expiry is changed or the entry is destroyed.
  void erase(Entry* entry) {
    if (entry->expiry_ms() == 0) return;
    [[maybe_unused]] const std::size_t erased = order_.erase({entry->expiry_ms(), entry});
    assert(erased == 1 && "its expiry was changed before, or it was never inserted");
  }
  // Inserts many entries at once into an order that is still empty.
  void build(const std::vector<Entry*>& entries);

  std::size_t size() const { return order_.size(); }
  // About the memory that one key with an expiry takes.
  static constexpr std::size_t kBytesOfKey = (sizeof(std::int64_t) + sizeof(Entry*)) * 4 / 3;
  // The maximum number of bytes that `count` insertions allocate.
  std::size_t growth_bytes(std::size_t count) const {
    return growth_of_tree(order_.size(), count, sizeof(Due));
  }
  std::size_t memory_bytes() const { return order_.size() * sizeof(Due) * 4 / 3; }
  std::optional<std::int64_t> first_expiry() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }
  // Up to `limit` entries that have expired at `now_ms`, earliest first.
  std::vector<Entry*> expired(std::int64_t now_ms, std::size_t limit) const;
  // The number of these entries.
  std::size_t count_expired(std::int64_t now_ms, std::size_t limit) const {
    std::size_t count = 0;
    for (auto it = order_.begin(); count < limit && it != order_.end() && it->first <= now_ms; ++it) ++count;
    return count;
  }
  // Shows the entries that expire after `from_ms`, and not after `to_ms`.
  template <typename Visitor>
  void visit_between(std::int64_t from_ms, std::int64_t to_ms, Visitor visit) const {
    if (from_ms >= to_ms) return;
    for (auto it = order_.lower_bound({from_ms + 1, nullptr}); it != order_.end() && it->first <= to_ms; ++it)
      visit(it->second);
  }
  void swap(ExpiryOrder& other) noexcept { order_.swap(other.order_); }

 private:
  using Due = std::pair<std::int64_t, Entry*>;
  absl::btree_set<Due, std::less<Due>, ReservedAllocator<Due>> order_;
};

}  // namespace minikv::engine
