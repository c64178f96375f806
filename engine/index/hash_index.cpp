#include "engine/index/hash_index.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include <absl/hash/hash.h>

namespace minikv::engine {
namespace {

constexpr std::size_t kFirstSlots = 16;
constexpr std::size_t kLeafEntries = 1024;  // more: the leaf splits
constexpr unsigned kMaxDepth = 40;

}  // namespace

HashIndex::HashIndex() {
  directory_.push_back(std::make_shared<Leaf>());
  resize(*directory_.front(), kFirstSlots);
}

std::uint64_t HashIndex::hash_of(std::string_view key) { return absl::Hash<std::string_view>{}(key); }

std::uint64_t HashIndex::make_slot(Entry* entry, std::uint64_t hash) {
  const auto address = reinterpret_cast<std::uint64_t>(entry);
  assert(address >> 48 == 0);
  return address | (hash & (std::uint64_t{0xFFFF} << 32)) << 16;
}

void HashIndex::place(Leaf& leaf, std::uint64_t hash, std::uint64_t slot) {
  std::size_t i = home(leaf, hash);
  while (leaf.slots[i] != 0) i = i + 1 == leaf.slots.size() ? 0 : i + 1;
  leaf.slots[i] = slot;
}

Entry* HashIndex::find(std::string_view key) const {
  const std::uint64_t hash = hash_of(key);
  const Leaf& leaf = leaf_for(hash);
  const std::uint64_t tag = make_slot(nullptr, hash);
  for (std::size_t i = home(leaf, hash); leaf.slots[i] != 0; i = i + 1 == leaf.slots.size() ? 0 : i + 1) {
    const std::uint64_t slot = leaf.slots[i];
    if (slot >> 48 == tag >> 48 && entry_of(slot)->key() == key) return entry_of(slot);
  }
  return nullptr;
}

void HashIndex::insert(Entry* entry) {
  const std::uint64_t hash = hash_of(entry->key());
  while (leaf_for(hash).used >= kLeafEntries && leaf_for(hash).depth < kMaxDepth) split(hash);
  Leaf& leaf = leaf_for(hash);
  if ((leaf.used + 1) * 8 > leaf.slots.size() * 7) resize(leaf, leaf.slots.size() + leaf.slots.size() / 3);
  place(leaf, hash, make_slot(entry, hash));
  ++leaf.used;
  ++size_;
}

std::size_t HashIndex::slot_of(const Leaf& leaf, const Entry* entry, std::uint64_t hash) const {
  std::size_t i = home(leaf, hash);
  while (entry_of(leaf.slots[i]) != entry) i = i + 1 == leaf.slots.size() ? 0 : i + 1;
  return i;
}

void HashIndex::replace(Entry* old, Entry* now) {
  const std::uint64_t hash = hash_of(old->key());
  Leaf& leaf = leaf_for(hash);
  leaf.slots[slot_of(leaf, old, hash)] = make_slot(now, hash);
}

void HashIndex::erase(Entry* entry) {
  const std::uint64_t hash = hash_of(entry->key());
  Leaf& leaf = leaf_for(hash);
  const std::size_t slots = leaf.slots.size();
  std::size_t hole = slot_of(leaf, entry, hash);
  leaf.slots[hole] = 0;
  --leaf.used;
  --size_;
  // Linear probing without tombstones: whoever could not get a place nearer to its home because of the hole's old
  // tenant moves up.
  for (std::size_t i = (hole + 1) % slots; leaf.slots[i] != 0; i = (i + 1) % slots) {
    const std::size_t wanted = home(leaf, hash_of(entry_of(leaf.slots[i])->key()));
    if ((i + slots - wanted) % slots >= (i + slots - hole) % slots) {
      leaf.slots[hole] = std::exchange(leaf.slots[i], 0);
      hole = i;
    }
  }
}

void HashIndex::resize(Leaf& leaf, std::size_t capacity) {
  std::vector<std::uint64_t> old(capacity, 0);
  old.swap(leaf.slots);
  memory_bytes_ += capacity * sizeof(std::uint64_t);
  memory_bytes_ -= old.size() * sizeof(std::uint64_t);
  for (const std::uint64_t slot : old) {
    if (slot != 0) place(leaf, hash_of(entry_of(slot)->key()), slot);
  }
}

void HashIndex::split(std::uint64_t hash) {
  const std::shared_ptr<Leaf> full =
      directory_[depth_ == 0 ? 0 : static_cast<std::size_t>(hash >> (64 - depth_))];
  if (full->depth == depth_) {
    std::vector<std::shared_ptr<Leaf>> doubled;
    doubled.reserve(directory_.size() * 2);
    for (auto& leaf : directory_) doubled.insert(doubled.end(), 2, leaf);
    directory_.swap(doubled);
    ++depth_;
  }
  const auto low = std::make_shared<Leaf>();
  const auto high = std::make_shared<Leaf>();
  low->depth = high->depth = full->depth + 1;
  resize(*low, kLeafEntries * 3 / 4);
  resize(*high, kLeafEntries * 3 / 4);
  for (const std::uint64_t slot : full->slots) {
    if (slot == 0) continue;
    const std::uint64_t its_hash = hash_of(entry_of(slot)->key());
    Leaf& leaf = (its_hash >> (63 - full->depth) & 1) != 0 ? *high : *low;
    if ((leaf.used + 1) * 8 > leaf.slots.size() * 7) resize(leaf, leaf.slots.size() + leaf.slots.size() / 3);
    place(leaf, its_hash, slot);
    ++leaf.used;
  }
  // The directory's slots that led to the full leaf are neighbours: the first half now leads to `low`.
  const std::size_t span = std::size_t{1} << (depth_ - full->depth);
  const std::size_t first = static_cast<std::size_t>(hash >> (64 - depth_)) / span * span;
  for (std::size_t i = 0; i < span; ++i) directory_[first + i] = i < span / 2 ? low : high;
  memory_bytes_ -= full->slots.size() * sizeof(std::uint64_t);
}

}  // namespace minikv::engine
