// Linear probing over a power of two of slots.
#include "engine/core/pending_keys.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace minikv::engine {

void PendingKeys::place(std::vector<Slot>& slots, const Slot& slot) noexcept {
  std::size_t i = slot.tag & (slots.size() - 1);
  while (slots[i].number != kNone) i = (i + 1) & (slots.size() - 1);
  slots[i] = slot;
}

void PendingKeys::grow() {
  std::vector<Slot> larger(std::max(kFewSlots, slots_.size() * 2));
  for (const Slot& slot : slots_) {
    if (slot.number != kNone) place(larger, slot);
  }
  slots_.swap(larger);
}

void PendingKeys::add(std::uint64_t hash, std::uint32_t number) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  place(slots_, {number, tag_of(hash)});
  ++size_;
}

std::size_t PendingKeys::place_of(std::uint64_t hash, std::uint32_t number) const {
  assert(size_ > 0);
  std::size_t i = slot_of(hash);
  while (slots_[i].number != number) {
    assert(slots_[i].number != kNone && "the number is not there");
    i = (i + 1) & (slots_.size() - 1);
  }
  return i;
}

// Linear probing without tombstones: an entry that this one has kept from a slot nearer to its home moves up.
void PendingKeys::remove(std::uint64_t hash, std::uint32_t number) noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = place_of(hash, number);
  slots_[hole] = Slot();
  --size_;
  for (std::size_t i = (hole + 1) & mask; slots_[i].number != kNone; i = (i + 1) & mask) {
    const std::size_t home = slots_[i].tag & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    slots_[i] = Slot();
    hole = i;
  }
}

void PendingKeys::clear() noexcept {
  size_ = 0;
  if (slots_.empty()) return;
  if (slots_.size() <= kFewSlots) {
    std::memset(static_cast<void*>(slots_.data()), 0xFF, slots_.size() * sizeof(Slot));
  } else {
    std::vector<Slot>().swap(slots_);
  }
}

}  // namespace minikv::engine
