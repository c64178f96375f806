// The index (keydir): every key and the location of its value, the keys in order, and those that expire by
// time.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/index/entry.h"
#include "engine/index/entry_pool.h"
#include "engine/index/expiry_order.h"
#include "engine/index/hash.h"
#include "engine/index/hash_shard.h"
#include "engine/index/key_order.h"

namespace minikv::engine {

// Hides its structure: a hash table for single keys, an ordered part for walks, and every key in memory.
//
// Thread safety: const members may be called by any number of threads at once, the others by one alone; but
// see load() and build_order().
class Index {
 public:
  Index() : Index(std::make_index_sequence<HashShard::kShards>()) {}
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  // Takes as long as a few assignments, however many keys there are. Both must be in order.
  void swap(Index& other) noexcept;

  std::optional<Location> find(std::string_view key) const { return find(key, hash_of(key)); }
  std::optional<Location> find(std::string_view key, std::uint64_t hash) const;
  static constexpr std::size_t kMaxPrefetched = 32;
  // Prefetches what find() and put() of these keys will access, for all keys at once: a look-up waits for
  // memory four times, and a dozen look-ups together hardly longer than one. Shows `visit` the locations that
  // find() will most likely return. Keys beyond the first kMaxPrefetched are ignored.
  template <typename Visitor>
  void prefetch(std::span<const std::string_view> keys, Visitor visit) const;
  // find() of up to kMaxPrefetched keys at once; `hashes` are their hash_of().
  void find_all(std::span<const std::string_view> keys, std::span<const std::uint64_t> hashes,
                std::span<std::optional<Location>> locations) const;
  // Sets the key's location; returns the one that it had.
  std::optional<Location> put(std::string_view key, const Location& location);
  // Removes the key; returns the location that it had.
  std::optional<Location> erase(std::string_view key);

  // ---- changes in two steps, of which the second can't fail ----

  // A prepared change of one key.
  struct Step {
    Entry* before = nullptr;  // the key's entry when the change is made; null: none
    Entry* fresh = nullptr;   // replaces it; null: `before` is assigned to, or goes
  };
  Entry* find_entry(std::string_view key, std::uint64_t hash) const {
    return shard_of(hash).points.find(key, hash);
  }
  // Prepares to set the key's location; `before` is the entry that the key will have by then. Throws
  // std::bad_alloc if there is no memory for it.
  Step prepare_put(std::string_view key, std::uint64_t hash, const Location& location, Entry* before);
  // Drops a prepared change that will not be made.
  void drop(const Step& step, std::uint64_t hash);
  // The maximum number of bytes that prepared changes will still take from ReservedAllocator: `fresh` of them
  // bring a fresh entry, `expiring` bring an expiry, and `gone` remove an entry.
  std::size_t growth_bytes(std::size_t fresh, std::size_t expiring, std::size_t gone) const;
  // Sets the location; returns the one that the key had.
  std::optional<Location> make_put(const Step& step, std::uint64_t hash, const Location& location);
  // The same for a change that removes the key.
  std::optional<Location> make_erase(Entry* before, std::uint64_t hash);
  // As prefetch(), for prepared changes: the caller calls prefetch_leaf() for each of them, and then
  // prefetch_slots().
  void prefetch_leaf(const Step& step, std::uint64_t hash) const {
    shard_of(hash).points.fetch_leaf(hash);
    if (step.before != nullptr) __builtin_prefetch(step.before, 1);
  }
  void prefetch_slots(std::uint64_t hash) const { shard_of(hash).points.fetch_slots(hash); }

  std::size_t size() const;
  // An estimate of the memory that the index takes, the allocator's share included.
  std::size_t memory_bytes() const;
  // About how much of that one key without an expiry takes.
  static std::size_t bytes_of_key(std::size_t key_bytes) { return bytes_of_key(key_bytes, Location()); }
  static std::size_t bytes_of_key(std::size_t key_bytes, const Location& location) {
    constexpr std::size_t kBesides =
        (sizeof(Entry*) + sizeof(std::uint64_t)) * 4 / 3;  // in the order, and in the hash table
    return EntryPool::taken_by(Entry::bytes(key_bytes, location)) + kBesides +
           (location.expiry_ms == 0 ? 0 : ExpiryOrder::kBytesOfKey);
  }

  // ---- walks: while is_in_order() ----

  struct Start {
    std::string_view key;
    bool included = true;
  };
  // The keys k with low <= k (or low < k) and k < high; a side that is left out has no end.
  struct Range {
    std::optional<Start> low;
    std::optional<std::string_view> high;
  };
  // Shows the keys of the range to `visit(key, location)` in byte order, or in reverse order, until `visit`
  // returns false. The ends are looked up once, and not compared with each key.
  template <typename Visitor>
  void walk_range(const Range& range, Visitor visit) const;
  template <typename Visitor>
  void walk_range_back(const Range& range, Visitor visit) const;

  using Visit = std::function<void(std::string_view key, const Location& location)>;
  // Shows about `count` keys in an order of no meaning, from `position` on: 0 for the first, or what an
  // earlier call has returned. Returns the position to go on from, below 2^53; 0: that was all. A walk shows
  // every key that is there throughout at least once.
  std::uint64_t walk_unordered(std::uint64_t position, std::size_t count, const Visit& visit) const;

  // ---- expiry ----

  std::size_t keys_with_expiry() const { return expiry_.size(); }
  // The earliest expiry of all keys, including keys that have expired and were not taken out yet.
  std::optional<std::int64_t> next_expiry() const { return expiry_.first_expiry(); }
  // How many keys have expired at `now_ms` and are still there, up to `limit`.
  std::size_t count_expired(std::int64_t now_ms, std::size_t limit) const {
    return expiry_.count_expired(now_ms, limit);
  }
  // Shows the keys that expire after `from_ms`, and not after `to_ms`.
  template <typename Visitor>
  void visit_expiring(std::int64_t from_ms, std::int64_t to_ms, Visitor visit) const {
    expiry_.visit_between(from_ms, to_ms,
                          [&](const Entry* entry) { visit(entry->key(), entry->location()); });
  }
  // Takes out up to `limit` keys that have expired at `now_ms`, earliest first, and shows each to `visit`
  // before. Returns how many there were.
  std::size_t take_expired(std::int64_t now_ms, std::size_t limit, const Visit& visit);

  // ---- filling it while a store is being opened ----

  // Makes room for about `keys` keys that will be loaded, each of them once or more. At most once, and before
  // load().
  void reserve(std::uint64_t keys);
  // Loads the location of a key. Any number of threads may load at once, in any order. Before
  // finish_loading() only load() and find() may be called, and find() only while no thread loads. Of the
  // locations of a key the one with the highest sequence wins. A `lost` location stands for the damaged
  // record of the same sequence, and wins over it.
  void load(std::string_view key, const Location& location);
  struct Loaded {
    std::uint64_t hash = 0;
    std::string_view key;
    Location location;
  };
  // The same for many keys of one shard (see IndexLoader).
  void load(std::span<const Loaded> batch);
  // False: another thread is loading that shard, and nothing was done.
  bool try_load(std::span<const Loaded> batch);
  static constexpr std::size_t kParts = HashShard::kShards;
  // Whether to keep a key. `part` is below kParts, and no two threads ask about the same part at once.
  using Keep = std::function<bool(std::size_t part, std::string_view key, const Location& location)>;
  enum class Ordering : std::uint8_t {
    kNow,
    kLater,  // by build_order() and apply_pending_changes()
  };
  // Drops the entries that are marked as deleted and those that `keep` does not want, with up to `threads`
  // threads. `keep` sees each entry that is not deleted once; without it all of them stay. Afterwards all
  // members but walks may be called.
  void finish_loading(const Keep& keep, unsigned threads, Ordering ordering);
  // Builds the sorted index, once, on a thread of its own; other members may be called meanwhile. False: it
  // was given up. Throws std::bad_alloc if there is no memory for it, and may then be called again.
  bool build_order(unsigned threads) { return order_.build(threads); }
  // Makes build_order() end soon, when the sorted index is not needed any more.
  void give_up_order() { order_.give_up(); }
  // Waits for build_order(). False: there was no memory for it, and it has to be called again.
  bool wait_until_order_is_built() const { return order_.wait_until_built(); }
  // After build_order(): applies up to `limit` pending changes. True: those were all, and the keys are in
  // order.
  bool apply_pending_changes(std::size_t limit);
  std::size_t pending_changes() const { return order_.pending_changes(); }
  bool is_in_order() const { return order_.is_complete(); }

 private:
  using Ordered = KeyOrder::Tree;

  struct Shard {
    explicit Shard(EntryBlocks& blocks) : entries(blocks) {}
    HashShard points;
    EntryPool entries;
    std::size_t entry_bytes = 0;
    Mutex loading;  // guards the others, but only for load()
  };

  Shard& shard_of(std::uint64_t hash) { return shards_[HashShard::shard_of(hash)]; }
  const Shard& shard_of(std::uint64_t hash) const { return shards_[HashShard::shard_of(hash)]; }
  static Entry* add(Shard& shard, std::string_view key, const Location& location, std::uint64_t hash);
  static Entry* make(Shard& shard, std::string_view key, const Location& location);
  static void count(Shard& shard, const Entry& entry) {
    shard.entry_bytes += EntryPool::taken_by(entry.bytes());
  }
  static void destroy(Shard& shard, Entry* entry);
  static void load(Shard& shard, std::span<const Loaded> batch) MINIKV_REQUIRES(shard.loading);
  static void load(Shard& shard, const Loaded& loaded) MINIKV_REQUIRES(shard.loading);
  void remove(Entry* entry, std::uint64_t hash);
  template <std::size_t... kNumbers>
  explicit Index(std::index_sequence<kNumbers...>)
      : entry_blocks_(std::make_unique<EntryBlocks>()),
        shards_{{((void)kNumbers, Shard(*entry_blocks_))...}} {}
  // What finish_loading() keeps of one shard.
  struct Kept {
    KeyOrder::Entries entries;
    std::vector<Entry*> expiring;
  };
  void keep_of(std::size_t shard, const Keep& keep, Kept& kept);

  Ordered::const_iterator begin_of(const Range& range) const {
    if (!range.low) return order_.tree().begin();
    return range.low->included ? order_.tree().lower_bound(range.low->key)
                               : order_.tree().upper_bound(range.low->key);
  }
  Ordered::const_iterator end_of(const Range& range) const {
    return range.high ? order_.tree().lower_bound(*range.high) : order_.tree().end();
  }
  // Walks from `at` to `end`. `advance` moves an iterator one step on, and returns the entry that the
  // iterator has passed or come to.
  template <typename Advance, typename Visitor>
  static void walk_between(Ordered::const_iterator at, Ordered::const_iterator end, Advance advance,
                           Visitor& visit);
  // Whether there is nothing between the ends, which may be the wrong way round.
  static bool is_empty(const Range& range) {
    return range.low && range.high && *range.high <= range.low->key;
  }

  std::unique_ptr<EntryBlocks> entry_blocks_;
  std::array<Shard, HashShard::kShards> shards_;
  KeyOrder order_;
  ExpiryOrder expiry_;
};

template <typename Visitor>
void Index::prefetch(std::span<const std::string_view> keys, Visitor visit) const {
  std::array<std::uint64_t, kMaxPrefetched> hashes;
  std::array<const Entry*, kMaxPrefetched> entries;
  const std::size_t count = std::min(keys.size(), kMaxPrefetched);
  for (std::size_t i = 0; i < count; ++i) {
    hashes[i] = hash_of(keys[i]);
    shard_of(hashes[i]).points.fetch_leaf(hashes[i]);
  }
  for (std::size_t i = 0; i < count; ++i) shard_of(hashes[i]).points.fetch_slots(hashes[i]);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i] = shard_of(hashes[i]).points.candidate(hashes[i]);
    if (entries[i] != nullptr) __builtin_prefetch(entries[i]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (entries[i] != nullptr) visit(entries[i]->location());
  }
}

// Entries lie anywhere in memory, and a walk that accesses one after the other waits for each. So the walk
// prefetches entries some steps ahead, two with each step until it is kWalkAhead steps ahead: a walk that
// stops soon has fetched little for nothing.
template <typename Advance, typename Visitor>
void Index::walk_between(Ordered::const_iterator at, Ordered::const_iterator end, Advance advance,
                         Visitor& visit) {
  constexpr int kWalkAhead = 16;
  auto fetched = at;
  for (int lead = 0; at != end; --lead) {
    for (int i = 0; i < 2 && lead < kWalkAhead && fetched != end; ++i, ++lead)
      __builtin_prefetch(advance(fetched));
    const Entry* const entry = advance(at);
    if (!visit(entry->key(), entry->location())) return;
  }
}

template <typename Visitor>
void Index::walk_range(const Range& range, Visitor visit) const {
  assert(is_in_order());
  if (is_empty(range)) return;
  walk_between(begin_of(range), end_of(range), [](Ordered::const_iterator& at) { return *at++; }, visit);
}

template <typename Visitor>
void Index::walk_range_back(const Range& range, Visitor visit) const {
  assert(is_in_order());
  if (is_empty(range)) return;
  walk_between(end_of(range), begin_of(range), [](Ordered::const_iterator& at) { return *--at; }, visit);
}

}  // namespace minikv::engine
