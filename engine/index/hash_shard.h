// One sixteenth of the index's hash table: extendible hashing over small leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/memory_reserve.h"
#include "engine/index/entry.h"
#include "engine/index/hash.h"

namespace minikv::engine {

// A shard has the keys whose hashes begin with the same four bits, so that sixteen threads can fill an index
// at once. Its directory, indexed by the bits that follow, leads to leaves of up to a thousand slots. A full
// leaf splits in two, so that growth never stops the store for longer than one leaf takes. The order of the
// leaves is the order of the hashes, from the first shard to the last, so that a walk can be resumed from a
// number. A slot is 8 bytes: the entry's address and 20 bits of its hash. These bits say where in the leaf
// the entry belongs, and spare nearly all looks at other keys' entries.
//
// `hash` is always hash_of() of the key in question. Does not own the entries.
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class HashShard {
 public:
  static constexpr unsigned kShardBits = 4;
  static constexpr std::size_t kShards = std::size_t{1} << kShardBits;
  static std::size_t shard_of(std::uint64_t hash) {
    return static_cast<std::size_t>(hash >> (64 - kShardBits));
  }

  HashShard();
  // Makes room for about `keys` keys, which spares the splits on the way to them. Only while the shard is
  // empty.
  void reserve(std::size_t keys);
  // Gives back the room that was too much, once all keys have been inserted.
  void shrink_to_fit();

  Entry* find(std::string_view key, std::uint64_t hash) const;
  // The steps of find() as prefetches, so that the waits of many keys for memory overlap: the caller calls
  // each step for all keys before the next. candidate() returns what find() will most likely return, without
  // a look at its key.
  void fetch_leaf(std::uint64_t hash) const { __builtin_prefetch(&leaf_for(hash)); }
  void fetch_slots(std::uint64_t hash) const;
  const Entry* candidate(std::uint64_t hash) const;
  void insert(Entry* entry, std::uint64_t hash);             // the key must not be there
  void replace(Entry* old, Entry* now, std::uint64_t hash);  // of the same key
  void erase(Entry* entry, std::uint64_t hash);

  // The maximum number of bytes that `count` insertions allocate, apart from what erasing gives back.
  std::size_t growth_bytes(std::size_t count) const;

  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return memory_bytes_; }

  // A position in the order of the leaves and, within a leaf, in the order of the slots' 20 bits. It has 53
  // bits, so that clients that know no integers can carry it.
  static constexpr unsigned kPositionBits = 53;
  // Appends the entries from `position` on to `found`: as many as `count` says, and more if they share a
  // position. Returns where the next ones begin; nothing: in the next shard. A walk from 0 on sees every
  // entry that is there throughout at least once, whatever other entries come, go and split leaves meanwhile.
  std::optional<std::uint64_t> collect(std::uint64_t position, std::size_t count,
                                       std::vector<Entry*>& found) const;
  static std::size_t shard_of_position(std::uint64_t position) {
    return static_cast<std::size_t>(position >> (kPositionBits - kShardBits));
  }
  static std::uint64_t first_position(std::size_t shard) {
    return std::uint64_t{shard} << (kPositionBits - kShardBits);
  }

 private:
  // Growth must not fail while the writer publishes records that are on disk already.
  using Slots = std::vector<std::uint64_t, ReservedAllocator<std::uint64_t>>;
  struct Leaf {
    unsigned depth = 0;  // how many bits behind the shard's its hashes share
    std::size_t used = 0;
    Slots slots;
  };

  static constexpr std::size_t kPrefetchAhead = 12;

  // An allocation's address has 44 bits that matter: 48 in all, and it is a multiple of 16.
  static constexpr unsigned kTagBits = 20, kAddressBits = 64 - kTagBits;
  static Entry* entry_of(std::uint64_t slot) {
    return reinterpret_cast<Entry*>((slot & ((std::uint64_t{1} << kAddressBits) - 1)) << 4);
  }
  static std::uint64_t tag_of(std::uint64_t slot) { return slot >> kAddressBits; }
  static std::uint64_t make_slot(const Entry* entry, std::uint64_t hash);
  static std::size_t home(const Leaf& leaf, std::uint64_t slot) {
    return static_cast<std::size_t>((tag_of(slot) * leaf.slots.size()) >> kTagBits);
  }
  static void place(Leaf& leaf, std::uint64_t slot);
  static std::uint64_t collect_from(const Leaf& leaf, std::uint64_t first_tag, std::size_t count,
                                    std::vector<Entry*>& found);

  // The first entry that shares the hash's tag and is accepted.
  template <typename Accept>
  Entry* probe(std::uint64_t hash, Accept accept) const;
  Leaf& leaf_for(std::uint64_t hash) const { return *directory_[directory_slot(hash)]; }
  std::size_t directory_slot(std::uint64_t hash) const {
    return depth_ == 0 ? 0 : static_cast<std::size_t>(hash << kShardBits >> (64 - depth_));
  }
  static std::size_t slot_of(const Leaf& leaf, const Entry* entry, std::uint64_t hash);
  std::shared_ptr<Leaf> new_leaf(unsigned depth, std::size_t capacity);
  void resize(Leaf& leaf, std::size_t capacity);
  void split(std::uint64_t hash);
  void shrink(Leaf& leaf);

  unsigned depth_ = 0;
  using Directory = std::vector<std::shared_ptr<Leaf>, ReservedAllocator<std::shared_ptr<Leaf>>>;
  Directory directory_;
  std::size_t size_ = 0;
  std::size_t memory_bytes_ = 0;
};

}  // namespace minikv::engine
