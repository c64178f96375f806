#include "engine/index/index.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace minikv::engine {
namespace {

// On this thread and on others, `threads` in all, and waits for them.
template <typename Work>
void run_on(unsigned threads, Work work) {
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace

void Index::swap(Index& other) {
  entry_blocks_.swap(other.entry_blocks_);
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::swap(shards_[i].points, other.shards_[i].points);
    shards_[i].entries.swap(other.shards_[i].entries);
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
  Entry* now = make(shard, key, place);
  shard.points.replace(entry, now, hash);
  if (order_.replace(entry, now)) destroy(shard, entry);
  expiry_.insert(now);
  return before;
}

std::optional<Place> Index::erase(std::string_view key) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = shard_of(hash).points.find(key, hash);
  if (entry == nullptr) return std::nullopt;
  const Place before = entry->place();
  remove(entry);
  return before;
}

Entry* Index::make(Shard& shard, std::string_view key, const Place& place) {
  Entry* entry = Entry::create(shard.entries, key, place);
  shard.entry_bytes += EntryPool::taken_by(entry->bytes());
  return entry;
}

void Index::destroy(Shard& shard, Entry* entry) {
  shard.entry_bytes -= EntryPool::taken_by(entry->bytes());
  Entry::destroy(shard.entries, entry);
}

Entry* Index::add(Shard& shard, std::string_view key, const Place& place, std::uint64_t hash) {
  Entry* entry = make(shard, key, place);
  shard.points.insert(entry, hash);
  return entry;
}

void Index::remove(Entry* entry) {
  const std::uint64_t hash = hash_of(entry->key());
  Shard& shard = shard_of(hash);
  shard.points.erase(entry, hash);
  expiry_.erase(entry);
  if (order_.erase(entry)) destroy(shard, entry);
}

bool Index::catch_up(std::size_t limit) {
  return order_.catch_up(limit, [this](Entry* entry) { destroy(shard_of(hash_of(entry->key())), entry); });
}

std::size_t Index::size() const {
  std::size_t size = 0;
  for (const Shard& shard : shards_) size += shard.points.size();
  return size;
}

std::size_t Index::memory_bytes() const {
  std::size_t bytes = size() * sizeof(Entry*) * 4 / 3;  // a B-tree's nodes are three quarters full
  for (const Shard& shard : shards_) bytes += shard.entry_bytes + shard.points.memory_bytes();
  return bytes + expiry_.memory_bytes();
}

std::size_t Index::take_expired(std::int64_t now_ms, std::size_t limit, const Visit& visit) {
  const std::vector<Entry*> expired = expiry_.expired(now_ms, limit);
  for (Entry* entry : expired) {
    visit(entry->key(), entry->place());
    remove(entry);
  }
  return expired.size();
}

void Index::expect(std::uint64_t keys) {
  entry_blocks_->expect_many(true);
  for (Shard& shard : shards_) shard.points.expect(static_cast<std::size_t>(keys / kParts));
}

void Index::load(std::string_view key, const Place& place) {
  const Loaded loaded{hash_of(key), key, place};
  load({&loaded, 1});
}

void Index::load(std::span<const Loaded> batch) {
  Shard& shard = shard_of(batch.front().hash);
  MutexLock lock(shard.loading);
  load(shard, batch);
}

bool Index::try_load(std::span<const Loaded> batch) {
  Shard& shard = shard_of(batch.front().hash);
  if (!shard.loading.try_lock()) return false;
  load(shard, batch);
  shard.loading.unlock();
  return true;
}

void Index::load(Shard& shard, std::span<const Loaded> batch) {
  const HashShard& points = shard.points;
  if (batch.size() > 1) {
    for (const Loaded& loaded : batch) points.fetch_leaf(loaded.hash);
    for (const Loaded& loaded : batch) points.fetch_slots(loaded.hash);
    for (const Loaded& loaded : batch) {
      if (const Entry* entry = points.candidate(loaded.hash)) __builtin_prefetch(entry);
    }
  }
  for (const Loaded& loaded : batch) load(shard, loaded);
}

void Index::load(Shard& shard, const Loaded& loaded) {
  Entry* entry = shard.points.find(loaded.key, loaded.hash);
  if (entry == nullptr) {
    add(shard, loaded.key, loaded.place, loaded.hash);
    return;
  }
  const std::uint64_t known = entry->sequence(), told = loaded.place.sequence;
  if (known > told || (known == told && !loaded.place.lost)) return;
  if (entry->can_hold(loaded.place)) return entry->assign(loaded.place);
  Entry* const now = make(shard, loaded.key, loaded.place);
  shard.points.replace(entry, now, loaded.hash);
  destroy(shard, entry);
}

// Of one shard: shows each entry to `keep` and drops what is not kept.
void Index::keep_of(std::size_t shard, const Keep& keep, Kept& kept) {
  std::vector<Entry*> dropped;
  kept.entries.reserve(shards_[shard].points.size());
  // As they lie in memory, not as they are hashed: that is several times faster.
  shards_[shard].entries.for_each([&](void* piece) {
    auto* const entry = static_cast<Entry*>(piece);
    if (entry->is_deleted() || (keep && !keep(shard, entry->key(), entry->place()))) {
      dropped.push_back(entry);
      return;
    }
    kept.entries.push_back(entry);
    if (entry->expiry_ms() != 0) kept.expiring.push_back(entry);
  });
  for (Entry* entry : dropped) {
    shards_[shard].points.erase(entry, hash_of(entry->key()));
    destroy(shards_[shard], entry);
  }
  shards_[shard].points.settle();
}

void Index::finish_loading(const Keep& keep, unsigned threads, Ordering ordering) {
  std::array<Kept, kParts> parts;
  std::atomic<std::size_t> next{0};
  run_on(threads, [&] {
    for (std::size_t i = next++; i < kParts; i = next++) keep_of(i, keep, parts[i]);
  });
  entry_blocks_->expect_many(false);

  KeyOrder::Unsorted unsorted;
  std::vector<Entry*> expiring;
  for (Kept& part : parts) {
    unsorted.push_back(std::move(part.entries));
    expiring.insert(expiring.end(), part.expiring.begin(), part.expiring.end());
  }
  expiry_.build(expiring);
  order_.begin(std::move(unsorted));
  if (ordering == Ordering::kLater) return;
  (void)order_.build(threads);
  (void)catch_up(0);
}

}  // namespace minikv::engine
