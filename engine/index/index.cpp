#include "engine/index/index.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/index/key_sort.h"

namespace minikv::engine {

Index::~Index() {
  for (Shard& shard : shards_) shard.points.for_each([](Entry* entry) { Entry::destroy(entry); });
}

void Index::swap(Index& other) {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::swap(shards_[i].points, other.shards_[i].points);
    std::swap(shards_[i].entry_bytes, other.shards_[i].entry_bytes);
  }
  order_.swap(other.order_);
  expiry_.swap(other.expiry_);
}

std::optional<Place> Index::find(std::string_view key) const {
  const std::uint64_t hash = hash_of(key);
  const Entry* entry = shard_of(hash).points.find(key, hash);
  if (entry == nullptr) return std::nullopt;
  return entry->place();
}

std::uint64_t Index::walk_unordered(std::uint64_t position, std::size_t count, const Visit& visit) const {
  std::vector<Entry*> found;
  std::size_t shard = HashShard::shard_of_position(position);
  for (; shard < shards_.size(); position = HashShard::first_position(++shard)) {
    const auto next = shards_[shard].points.collect(position, count - std::min(count, found.size()), found);
    if (!next && found.size() < count) continue;
    position = next.value_or(HashShard::first_position(shard + 1));
    break;
  }
  for (const Entry* entry : found) visit(entry->key(), entry->place());
  return position >> HashShard::kPositionBits == 0 && shard < shards_.size() ? position : 0;
}

std::optional<Place> Index::put(std::string_view key, const Place& place) {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  Entry* entry = shard.points.find(key, hash);
  if (entry == nullptr) {
    entry = add(shard, key, place, hash);
    order_.insert(entry);
    expiry_.insert(entry);
    return std::nullopt;
  }
  const Place before = entry->place();
  expiry_.erase(entry);
  if (entry->can_hold(place)) {
    entry->assign(place);
    expiry_.insert(entry);
    return before;
  }
  const auto next = order_.erase(order_.find(entry));
  Entry* now = change(shard, entry, place, hash);
  order_.insert(next, now);
  expiry_.insert(now);
  return before;
}

std::optional<Place> Index::erase(std::string_view key) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = shard_of(hash).points.find(key, hash);
  if (entry == nullptr) return std::nullopt;
  const Place before = entry->place();
  order_.erase(entry);
  expiry_.erase(entry);
  remove(entry);
  return before;
}

Entry* Index::add(Shard& shard, std::string_view key, const Place& place, std::uint64_t hash) {
  Entry* entry = Entry::create(key, place);
  shard.entry_bytes += entry->allocated_bytes();
  shard.points.insert(entry, hash);
  return entry;
}

Entry* Index::change(Shard& shard, Entry* entry, const Place& place, std::uint64_t hash) {
  if (entry->can_hold(place)) {
    entry->assign(place);
    return entry;
  }
  Entry* now = Entry::create(entry->key(), place);
  shard.entry_bytes += now->allocated_bytes() - entry->allocated_bytes();
  shard.points.replace(entry, now, hash);
  Entry::destroy(entry);
  return now;
}

void Index::remove(Entry* entry) {
  const std::uint64_t hash = hash_of(entry->key());
  Shard& shard = shard_of(hash);
  shard.entry_bytes -= entry->allocated_bytes();
  shard.points.erase(entry, hash);
  Entry::destroy(entry);
}

std::size_t Index::size() const {
  std::size_t size = 0;
  for (const Shard& shard : shards_) size += shard.points.size();
  return size;
}

std::size_t Index::memory_bytes() const {
  std::size_t bytes = order_.size() * sizeof(Entry*) * 4 / 3;  // a B-tree's nodes are three quarters full
  for (const Shard& shard : shards_) bytes += shard.entry_bytes + shard.points.memory_bytes();
  return bytes + expiry_.memory_bytes();
}

std::size_t Index::take_expired(std::int64_t now_ms, std::size_t limit, const Visit& visit) {
  const std::vector<Entry*> expired = expiry_.expired(now_ms, limit);
  for (Entry* entry : expired) {
    visit(entry->key(), entry->place());
    order_.erase(entry);
    expiry_.erase(entry);
    remove(entry);
  }
  return expired.size();
}

void Index::load(std::string_view key, const Place& place) {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  MutexLock lock(shard.loading);
  Entry* entry = shard.points.find(key, hash);
  if (entry == nullptr) {
    add(shard, key, place, hash);
    return;
  }
  if (entry->sequence() > place.sequence || (entry->sequence() == place.sequence && !place.lost)) return;
  change(shard, entry, place, hash);
}

void Index::finish_loading(const Keep& keep, unsigned threads) {
  std::vector<SortItem> kept;
  kept.reserve(size());
  std::vector<Entry*> dropped, expiring;
  for (const Shard& shard : shards_) {
    shard.points.for_each([&](Entry* entry) {
      if (entry->is_deleted() || (keep && !keep(entry->key(), entry->place()))) {
        dropped.push_back(entry);
        return;
      }
      kept.push_back({0, entry});
      if (entry->expiry_ms() != 0) expiring.push_back(entry);
    });
  }
  for (Entry* entry : dropped) remove(entry);
  // Sorted first, every insertion is an append, which is many times cheaper than finding each one's place.
  sort_by_key(kept, threads);
  constexpr std::size_t kFetchAhead = 12;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i + kFetchAhead < kept.size()) __builtin_prefetch(kept[i + kFetchAhead].entry);
    order_.insert(order_.end(), kept[i].entry);
  }
  expiry_.build(expiring);
}

}  // namespace minikv::engine
