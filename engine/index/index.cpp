// The members that span all shards and both orders.
#include "engine/index/index.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/helper_threads.h"

namespace minikv::engine {
namespace {

// Runs `work` on `threads` threads, this one included, and waits for them. Throws std::bad_alloc if one of
// them has.
template <typename Work>
void run_on(unsigned threads, Work work) {
  std::atomic<bool> has_memory{true};
  const auto run = [&] {
    try {
      work();
    } catch (const std::bad_alloc&) {
      has_memory = false;
    }
  };
  {
    HelperThreads others;
    for (unsigned i = 1; i < threads; ++i) others.add(run);
    run();
  }
  if (!has_memory) throw std::bad_alloc();
}

}  // namespace

void Index::swap(Index& other) noexcept {
  entry_blocks_.swap(other.entry_blocks_);
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::swap(shards_[i].points, other.shards_[i].points);
    shards_[i].entries.swap(other.shards_[i].entries);
    std::swap(shards_[i].entry_bytes, other.shards_[i].entry_bytes);
  }
  order_.swap(other.order_);
  expiry_.swap(other.expiry_);
}

std::optional<Location> Index::find(std::string_view key, std::uint64_t hash) const {
  const Entry* entry = shard_of(hash).points.find(key, hash);
  if (entry == nullptr) return std::nullopt;
  return entry->location();
}

void Index::find_all(std::span<const std::string_view> keys, std::span<const std::uint64_t> hashes,
                     std::span<std::optional<Location>> locations) const {
  assert(keys.size() <= kMaxPrefetched && hashes.size() >= keys.size() && locations.size() >= keys.size());
  std::array<const Entry*, kMaxPrefetched> entries;
  for (std::size_t i = 0; i < keys.size(); ++i) shard_of(hashes[i]).points.fetch_leaf(hashes[i]);
  for (std::size_t i = 0; i < keys.size(); ++i) shard_of(hashes[i]).points.fetch_slots(hashes[i]);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    entries[i] = shard_of(hashes[i]).points.candidate(hashes[i]);
    if (entries[i] != nullptr) __builtin_prefetch(entries[i]);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    locations[i].reset();
    if (entries[i] == nullptr) continue;  // no entry shares so much as a part of the hash
    if (entries[i]->key() != keys[i]) entries[i] = shard_of(hashes[i]).points.find(keys[i], hashes[i]);
    if (entries[i] != nullptr) locations[i] = entries[i]->location();
  }
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
  for (const Entry* entry : found) visit(entry->key(), entry->location());
  return position >> HashShard::kPositionBits == 0 && shard < shards_.size() ? position : 0;
}

std::optional<Location> Index::put(std::string_view key, const Location& location) {
  const std::uint64_t hash = hash_of(key);
  const Step step = prepare_put(key, hash, location, shard_of(hash).points.find(key, hash));
  return make_put(step, hash, location);
}

Index::Step Index::prepare_put(std::string_view key, std::uint64_t hash, const Location& location,
                               Entry* before) {
  if (before != nullptr && before->can_hold(location)) return {before, nullptr};
  return {before, Entry::create(shard_of(hash).entries, key, location)};
}

void Index::drop(const Step& step, std::uint64_t hash) {
  if (step.fresh == nullptr) return;
  assert(find_entry(step.fresh->key(), hash) != step.fresh && "the change was made");
  Entry::destroy(shard_of(hash).entries, step.fresh);
}

std::size_t Index::growth_bytes(std::size_t fresh, std::size_t expiring, std::size_t gone) const {
  std::size_t bytes = order_.growth_bytes(fresh + (is_in_order() ? 0 : gone)) +
                      expiry_.growth_bytes(expiring) + entry_blocks_->bytes_to_give_back(gone);
  // Hashes spread keys over the sixteen shards, but not quite evenly.
  const std::size_t of_shard = std::min(fresh, fresh / 12 + 64);
  for (const Shard& shard : shards_) bytes += shard.points.growth_bytes(of_shard);
  return bytes;
}

std::optional<Location> Index::make_put(const Step& step, std::uint64_t hash, const Location& location) {
  assert((step.fresh != nullptr || step.before != nullptr) && "not prepared");
  assert(find_entry((step.fresh != nullptr ? step.fresh : step.before)->key(), hash) == step.before);
  Shard& shard = shard_of(hash);
  if (step.fresh != nullptr) count(shard, *step.fresh);
  if (step.before == nullptr) {
    shard.points.insert(step.fresh, hash);
    order_.insert(step.fresh);
    expiry_.insert(step.fresh);
    return std::nullopt;
  }
  const Location before = step.before->location();
  expiry_.erase(step.before);
  if (step.fresh == nullptr) {
    step.before->assign(location);
    expiry_.insert(step.before);
    return before;
  }
  shard.points.replace(step.before, step.fresh, hash);
  if (order_.replace(step.before, step.fresh)) destroy(shard, step.before);
  expiry_.insert(step.fresh);
  return before;
}

std::optional<Location> Index::make_erase(Entry* before, std::uint64_t hash) {
  if (before == nullptr) return std::nullopt;
  assert(find_entry(before->key(), hash) == before);
  const Location location = before->location();
  remove(before, hash);
  return location;
}

std::optional<Location> Index::erase(std::string_view key) {
  const std::uint64_t hash = hash_of(key);
  return make_erase(shard_of(hash).points.find(key, hash), hash);
}

Entry* Index::make(Shard& shard, std::string_view key, const Location& location) {
  Entry* entry = Entry::create(shard.entries, key, location);
  count(shard, *entry);
  return entry;
}

void Index::destroy(Shard& shard, Entry* entry) {
  shard.entry_bytes -= EntryPool::taken_by(entry->bytes());
  Entry::destroy(shard.entries, entry);
}

Entry* Index::add(Shard& shard, std::string_view key, const Location& location, std::uint64_t hash) {
  Entry* entry = make(shard, key, location);
  shard.points.insert(entry, hash);
  return entry;
}

void Index::remove(Entry* entry, std::uint64_t hash) {
  Shard& shard = shard_of(hash);
  shard.points.erase(entry, hash);
  expiry_.erase(entry);
  if (order_.erase(entry)) destroy(shard, entry);
}

bool Index::apply_pending_changes(std::size_t limit) {
  return order_.apply_pending_changes(
      limit, [this](Entry* entry) { destroy(shard_of(hash_of(entry->key())), entry); });
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
    visit(entry->key(), entry->location());
    remove(entry, hash_of(entry->key()));
  }
  return expired.size();
}

void Index::reserve(std::uint64_t keys) {
  assert(size() == 0 && is_in_order());
  entry_blocks_->expect_many(true);
  for (Shard& shard : shards_) shard.points.reserve(static_cast<std::size_t>(keys / kParts));
}

void Index::load(std::string_view key, const Location& location) {
  const Loaded loaded{hash_of(key), key, location};
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
  try {
    load(shard, batch);
  } catch (const std::bad_alloc&) {
    shard.loading.unlock();
    throw;
  }
  shard.loading.unlock();
  return true;
}

void Index::load(Shard& shard, std::span<const Loaded> batch) {
  assert(std::all_of(batch.begin(), batch.end(), [&](const Loaded& loaded) {
    return HashShard::shard_of(loaded.hash) == HashShard::shard_of(batch.front().hash);
  }));
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
    add(shard, loaded.key, loaded.location, loaded.hash);
    return;
  }
  const std::uint64_t known = entry->sequence(), told = loaded.location.sequence;
  if (known > told || (known == told && !loaded.location.lost)) return;
  if (entry->can_hold(loaded.location)) return entry->assign(loaded.location);
  Entry* const now = make(shard, loaded.key, loaded.location);
  shard.points.replace(entry, now, loaded.hash);
  destroy(shard, entry);
}

// Shows each entry of one shard to `keep`, and drops those that it does not keep.
void Index::keep_of(std::size_t shard, const Keep& keep, Kept& kept) {
  std::vector<Entry*> dropped;
  kept.entries.reserve(shards_[shard].points.size());
  // The order in memory, not that of the hashes: this is several times faster.
  shards_[shard].entries.for_each([&](void* piece) {
    auto* const entry = static_cast<Entry*>(piece);
    if (entry->is_deleted() || (keep && !keep(shard, entry->key(), entry->location()))) {
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
  shards_[shard].points.shrink_to_fit();
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
  (void)apply_pending_changes(0);
}

}  // namespace minikv::engine
