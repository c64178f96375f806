#include "server/watched_keys.h"

#include <algorithm>

#include "minikv/store.h"

namespace minikv::server {

Watch::~Watch() {
  const bool is_listed =
      std::any_of(seen_.begin(), seen_.end(), [](const auto& seen) { return seen.second == 0; });
  if (is_listed) keys_.remove(*this);
}

void Watch::watch(Transaction& transaction, std::string_view key) {
  if (seen_.contains(key)) return;  // what counts is how it was first seen
  const auto entry = transaction.find(key);
  const auto added = seen_.emplace(key, entry ? entry->sequence : 0).first;
  if (!entry) keys_.add(added->first, *this);
}

bool Watch::has_changed(Transaction& transaction) const {
  if (touched_.load(std::memory_order_relaxed)) return true;
  return std::any_of(seen_.begin(), seen_.end(), [&](const auto& seen) {
    const auto entry = transaction.find(seen.first);
    return (entry ? entry->sequence : 0) != seen.second;
  });
}

void WatchedKeys::touch(std::string_view key) {
  const engine::MutexLock lock(mutex_);
  const auto found = watches_.find(key);
  if (found == watches_.end()) return;
  for (Watch* watch : found->second) watch->touched_.store(true, std::memory_order_relaxed);
}

void WatchedKeys::add(const std::string& key, Watch& watch) {
  const engine::MutexLock lock(mutex_);
  watches_[key].insert(&watch);
  count_.store(watches_.size(), std::memory_order_relaxed);
}

// Key by key: the writer, who touches keys, does not wait for a watch of many.
void WatchedKeys::remove(Watch& watch) {
  for (const auto& [key, sequence] : watch.seen_) {
    if (sequence != 0) continue;
    const engine::MutexLock lock(mutex_);
    const auto found = watches_.find(key);
    if (found == watches_.end()) continue;
    found->second.erase(&watch);
    if (found->second.empty()) watches_.erase(found);
    count_.store(watches_.size(), std::memory_order_relaxed);
  }
}

ScanPage TouchingTransaction::scan(const ScanOptions& options) { return transaction_.scan(options); }

UnorderedPage TouchingTransaction::walk_unordered(std::uint64_t position, std::size_t count) {
  return transaction_.walk_unordered(position, count);
}

}  // namespace minikv::server
