// Extendible hashing: how a table is split, and walked without an order.
#include "engine/index/hash_shard.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>

namespace minikv::engine {
namespace {

constexpr std::size_t kFirstSlots = 16;
constexpr std::size_t kLeafEntries = 1024;  // more: the leaf splits
constexpr unsigned kMaxDepth = 40;
constexpr std::size_t kLeafBytes = 112;  // beside its slots: itself, two allocations' headers, its pointers

}  // namespace

HashShard::HashShard() { directory_.push_back(new_leaf(0, kFirstSlots)); }

// Makes as many leaves as there will be at last, nearly all with room for all of their keys.
void HashShard::reserve(std::size_t keys) {
  assert(size_ == 0 && depth_ == 0);
  while (keys >> depth_ > kLeafEntries * 7 / 8) ++depth_;
  directory_.clear();
  memory_bytes_ = 0;
  const std::size_t slots = std::max(kFirstSlots, (keys >> depth_) * 5 / 4);
  for (std::size_t i = 0; i < std::size_t{1} << depth_; ++i) directory_.push_back(new_leaf(depth_, slots));
}

void HashShard::shrink_to_fit() {
  const Leaf* last = nullptr;
  for (const auto& leaf : directory_) {
    if (leaf.get() == last) continue;
    last = leaf.get();
    if (leaf->used * 2 < leaf->slots.size()) resize(*leaf, std::max(kFirstSlots, leaf->used * 5 / 4));
  }
}

std::uint64_t HashShard::make_slot(const Entry* entry, std::uint64_t hash) {
  const auto address = reinterpret_cast<std::uint64_t>(entry);
  assert(address >> 48 == 0 && address % 16 == 0);
  return address >> 4 | hash << kAddressBits;
}

void HashShard::place(Leaf& leaf, std::uint64_t slot) {
  std::size_t i = home(leaf, slot);
  while (leaf.slots[i] != 0) i = i + 1 == leaf.slots.size() ? 0 : i + 1;
  leaf.slots[i] = slot;
}

// Appends `count` entries of the leaf in the order of their tags, and more if the last tag is shared. Returns
// the tag to go on from; one past the last possible tag: that was all.
std::uint64_t HashShard::collect_from(const Leaf& leaf, std::uint64_t first_tag, std::size_t count,
                                      std::vector<Entry*>& found) {
  std::vector<std::uint64_t> slots;
  for (const std::uint64_t slot : leaf.slots) {
    if (slot != 0 && tag_of(slot) >= first_tag) slots.push_back(slot);
  }
  std::sort(slots.begin(), slots.end());  // the upper bits of a slot are its tag
  std::size_t taken = 0;
  while (taken < slots.size() && (taken < count || tag_of(slots[taken]) == tag_of(slots[taken - 1]))) {
    found.push_back(entry_of(slots[taken++]));
  }
  return taken < slots.size() ? tag_of(slots[taken]) : std::uint64_t{1} << kTagBits;
}

std::optional<std::uint64_t> HashShard::collect(std::uint64_t position, std::size_t count,
                                                std::vector<Entry*>& found) const {
  constexpr unsigned kPrefixBits = kPositionBits - kTagBits - kShardBits;  // behind the shard's
  constexpr std::uint64_t kTags = std::uint64_t{1} << kTagBits;
  const std::size_t wanted = found.size() + std::max<std::size_t>(count, 1);
  const std::uint64_t prefix = position >> kTagBits & ((std::uint64_t{1} << kPrefixBits) - 1);
  std::uint64_t tag = position & (kTags - 1);
  for (std::size_t i = directory_slot(prefix << (64 - kShardBits - kPrefixBits)); i < directory_.size();) {
    const Leaf& leaf = *directory_[i];
    // Leaves that are too deep for their first hash to be a position are taken whole.
    const bool can_stop = leaf.depth <= kPrefixBits;
    const std::size_t room = can_stop ? wanted - std::min(wanted, found.size()) : SIZE_MAX;
    const std::size_t span = std::size_t{1} << (depth_ - leaf.depth);
    const std::size_t first = i / span * span;
    const auto position_of = [&](std::size_t slot, std::uint64_t its_tag) {
      const std::uint64_t its_prefix =
          depth_ == 0 ? 0 : std::uint64_t{slot} << (64 - depth_) >> (64 - kPrefixBits);
      return (position >> (kPositionBits - kShardBits) << kPrefixBits | its_prefix) << kTagBits | its_tag;
    };
    if (can_stop && room == 0) return position_of(first, tag);
    const std::uint64_t next_tag = collect_from(leaf, can_stop ? tag : 0, room, found);
    if (next_tag < kTags) return position_of(first, next_tag);
    tag = 0;
    i = first + span;
  }
  return std::nullopt;
}

template <typename Accept>
Entry* HashShard::probe(std::uint64_t hash, Accept accept) const {
  const Leaf& leaf = leaf_for(hash);
  const std::uint64_t wanted = make_slot(nullptr, hash);
  for (std::size_t i = home(leaf, wanted); leaf.slots[i] != 0; i = i + 1 == leaf.slots.size() ? 0 : i + 1) {
    const std::uint64_t slot = leaf.slots[i];
    if (tag_of(slot) == tag_of(wanted) && accept(entry_of(slot))) return entry_of(slot);
  }
  return nullptr;
}

Entry* HashShard::find(std::string_view key, std::uint64_t hash) const {
  assert(hash == hash_of(key));
  return probe(hash, [key](const Entry* entry) { return entry->key() == key; });
}

void HashShard::fetch_slots(std::uint64_t hash) const {
  const Leaf& leaf = leaf_for(hash);
  __builtin_prefetch(&leaf.slots[home(leaf, make_slot(nullptr, hash))]);
}

const Entry* HashShard::candidate(std::uint64_t hash) const {
  return probe(hash, [](const Entry*) { return true; });
}

void HashShard::insert(Entry* entry, std::uint64_t hash) {
  assert(find(entry->key(), hash) == nullptr);
  while (leaf_for(hash).used >= kLeafEntries && leaf_for(hash).depth < kMaxDepth) split(hash);
  Leaf& leaf = leaf_for(hash);
  if ((leaf.used + 1) * 8 > leaf.slots.size() * 7) resize(leaf, leaf.slots.size() + leaf.slots.size() / 3);
  place(leaf, make_slot(entry, hash));
  ++leaf.used;
  ++size_;
}

std::size_t HashShard::slot_of(const Leaf& leaf, const Entry* entry, std::uint64_t hash) {
  const std::uint64_t wanted = make_slot(entry, hash);
  std::size_t i = home(leaf, wanted);
  while (leaf.slots[i] != wanted) {
    assert(leaf.slots[i] != 0 && "the entry is not in the index");
    i = i + 1 == leaf.slots.size() ? 0 : i + 1;
  }
  return i;
}

void HashShard::replace(Entry* old, Entry* now, std::uint64_t hash) {
  assert(old->key() == now->key());
  Leaf& leaf = leaf_for(hash);
  leaf.slots[slot_of(leaf, old, hash)] = make_slot(now, hash);
}

void HashShard::erase(Entry* entry, std::uint64_t hash) {
  Leaf& leaf = leaf_for(hash);
  const std::size_t slots = leaf.slots.size();
  std::size_t hole = slot_of(leaf, entry, hash);
  leaf.slots[hole] = 0;
  --leaf.used;
  --size_;
  // Linear probing without tombstones: an entry that the erased one has kept from a slot nearer to its home
  // moves up.
  for (std::size_t i = (hole + 1) % slots; leaf.slots[i] != 0; i = (i + 1) % slots) {
    const std::size_t wanted = home(leaf, leaf.slots[i]);
    if ((i + slots - wanted) % slots >= (i + slots - hole) % slots) {
      leaf.slots[hole] = std::exchange(leaf.slots[i], 0);
      hole = i;
    }
  }
  // Millions of keys may be erased at once, so their slots are given back.
  if (slots > kFirstSlots && leaf.used * 8 < slots) shrink(leaf);
}

// Shrinking is optional, so it may fail, and must not take memory from the reserve.
void HashShard::shrink(Leaf& leaf) {
  const MemoryReserve::Use none(nullptr);
  try {
    resize(leaf, leaf.slots.size() / 2);
  } catch (const std::bad_alloc&) {
    // The leaf stays as large as it is.
  }
}

// A split makes two leaves with slots for three quarters of kLeafEntries; until then the slots grow by a
// third at a time. Each existing leaf may be just before its next step, but a new one takes hundreds of keys
// for all of its steps.
std::size_t HashShard::growth_bytes(std::size_t count) const {
  constexpr std::size_t kStepBytes = 2 * (kLeafEntries * 3 / 4 * sizeof(std::uint64_t) + kLeafBytes);
  constexpr std::size_t kBytesPerKey = 64;
  const std::size_t steps = std::min(count, directory_.size());
  const std::size_t directory = (directory_.size() + count / 128) * sizeof(directory_[0]) * 4;
  return count == 0 ? 0 : steps * kStepBytes + count * kBytesPerKey + directory + 1024;
}

std::shared_ptr<HashShard::Leaf> HashShard::new_leaf(unsigned depth, std::size_t capacity) {
  auto leaf = std::allocate_shared<Leaf>(ReservedAllocator<Leaf>());
  leaf->depth = depth;
  resize(*leaf, capacity);
  memory_bytes_ += kLeafBytes;
  return leaf;
}

void HashShard::resize(Leaf& leaf, std::size_t capacity) {
  Slots old(capacity, 0);
  old.swap(leaf.slots);
  memory_bytes_ += capacity * sizeof(std::uint64_t);
  memory_bytes_ -= old.size() * sizeof(std::uint64_t);
  for (const std::uint64_t slot : old) {
    if (slot != 0) place(leaf, slot);
  }
}

void HashShard::split(std::uint64_t hash) {
  const std::shared_ptr<Leaf> full = directory_[directory_slot(hash)];
  if (full->depth == depth_) {
    Directory doubled;
    doubled.reserve(directory_.size() * 2);
    for (auto& leaf : directory_) doubled.insert(doubled.end(), 2, leaf);
    directory_.swap(doubled);
    ++depth_;
  }
  const auto low = new_leaf(full->depth + 1, kLeafEntries * 3 / 4);
  const auto high = new_leaf(full->depth + 1, kLeafEntries * 3 / 4);
  const auto& slots = full->slots;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::uint64_t slot = slots[i];
    if (i + kPrefetchAhead < slots.size()) __builtin_prefetch(entry_of(slots[i + kPrefetchAhead]));
    if (slot == 0) continue;
    const std::uint64_t its_hash = hash_of(entry_of(slot)->key());
    Leaf& leaf = (its_hash >> (63 - kShardBits - full->depth) & 1) != 0 ? *high : *low;
    if ((leaf.used + 1) * 8 > leaf.slots.size() * 7) resize(leaf, leaf.slots.size() + leaf.slots.size() / 3);
    place(leaf, slot);
    ++leaf.used;
  }
  // The directory's slots that led to the full leaf are neighbours: the first half leads to `low` instead.
  const std::size_t span = std::size_t{1} << (depth_ - full->depth);
  const std::size_t first = directory_slot(hash) / span * span;
  for (std::size_t i = 0; i < span; ++i) directory_[first + i] = i < span / 2 ? low : high;
  memory_bytes_ -= full->slots.size() * sizeof(std::uint64_t) + kLeafBytes;
}

}  // namespace minikv::engine
