// Builds the order of many keys at once, and finds those that have expired.
#include "engine/index/expiry_order.h"

#include <algorithm>
#include <cassert>

namespace minikv::engine {

void ExpiryOrder::build(const std::vector<Entry*>& entries) {
  assert(order_.empty());
  std::vector<Due> sorted;
  sorted.reserve(entries.size());
  for (Entry* entry : entries) sorted.emplace_back(entry->expiry_ms(), entry);
  std::sort(sorted.begin(), sorted.end());
  for (const Due& due : sorted) order_.insert(order_.end(), due);
}

std::vector<Entry*> ExpiryOrder::expired(std::int64_t now_ms, std::size_t limit) const {
  std::vector<Entry*> entries;
  for (auto it = order_.begin(); it != order_.end() && it->first <= now_ms && entries.size() < limit; ++it) {
    entries.push_back(it->second);
  }
  return entries;
}

}  // namespace minikv::engine
