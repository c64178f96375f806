#include "engine/index/index.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/key_piece.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kSampleEntries = 8;  // of each shard

// On this thread and on others, `threads` in all, and waits for them.
template <typename Work>
void run_on(unsigned threads, Work work) {
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace

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
  change(shard, entry, loaded.place, loaded.hash);
}

// Of one shard: shows each entry to `keep`, drops what is not kept, and puts the others into `part`.
void Index::keep_of(std::size_t shard, const Keep& keep, std::string_view prefix, Kept& part) {
  std::vector<Entry*> dropped;
  shards_[shard].points.for_each([&](Entry* entry) {
    if (entry->is_deleted() || (keep && !keep(shard, entry->key(), entry->place()))) {
      dropped.push_back(entry);
      return;
    }
    const std::string_view key = entry->key();
    part.has_prefix = part.has_prefix && key.starts_with(prefix);
    part.items[part.count++] = {part.has_prefix ? piece_of(key, prefix.size()) : 0, entry};
    if (entry->expiry_ms() != 0) part.expiring.push_back(entry);
  });
  for (Entry* entry : dropped) remove(entry);
}

// What the keys of some dozens of entries begin with.
std::string Index::likely_prefix() const {
  std::optional<std::string> prefix;
  std::vector<Entry*> some;
  for (const Shard& shard : shards_) shard.points.collect(0, kSampleEntries, some);
  for (const Entry* entry : some) {
    const std::string_view key = entry->key();
    if (!prefix) prefix = key;
    prefix->resize(static_cast<std::size_t>(
        std::mismatch(prefix->begin(), prefix->end(), key.begin(), key.end()).first - prefix->begin()));
  }
  return prefix.value_or("");
}

void Index::finish_loading(const Keep& keep, unsigned threads) {
  const std::size_t room = size();
  const auto memory = std::make_unique_for_overwrite<SortItem[]>(room);
  std::array<Kept, kParts> parts;
  SortItem* next_items = memory.get();
  for (std::size_t i = 0; i < kParts; ++i) {
    parts[i].items = next_items;
    next_items += shards_[i].points.size();
  }
  const std::string prefix = likely_prefix();
  std::atomic<std::size_t> next{0};
  run_on(threads, [&] {
    for (std::size_t i = next++; i < kParts; i = next++) keep_of(i, keep, prefix, parts[i]);
  });

  std::vector<Entry*> expiring;
  bool has_prefix = true;
  SortItem* end = memory.get();
  for (const Kept& part : parts) {
    end = std::copy_n(part.items, part.count, end);
    expiring.insert(expiring.end(), part.expiring.begin(), part.expiring.end());
    has_prefix = has_prefix && part.has_prefix;
  }
  // Sorted first, every insertion is an append, which is many times cheaper than finding each one's place.
  const auto append = [this](std::span<const SortItem> sorted) {
    constexpr std::size_t kFetchAhead = 12;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (i + kFetchAhead < sorted.size()) __builtin_prefetch(sorted[i + kFetchAhead].entry);
      order_.insert(order_.end(), sorted[i].entry);
    }
  };
  const std::span<SortItem> kept(memory.get(), end);
  if (has_prefix) {
    sort_by_pieces(kept, prefix.size(), threads, append);
  } else {
    sort_by_key(kept, threads, append);
  }
  expiry_.build(expiring);
}

}  // namespace minikv::engine
