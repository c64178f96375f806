// Which of a group's changes is the newest of a key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace minikv::engine {

// A hash table of numbers: the caller knows which key a number stands for. Without memory to grow, the table
// throws std::bad_alloc and is as it was before, which absl's tables are not.
//
// Thread safety: none.
class PendingKeys {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  bool is_empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // The number for which `is_it(number)` is true, among those with this hash and a few others; kNone: there
  // is none.
  template <typename IsIt>
  std::uint32_t find(std::uint64_t hash, IsIt is_it) const {
    if (size_ == 0) return kNone;
    for (std::size_t i = slot_of(hash); slots_[i].number != kNone; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].tag == tag_of(hash) && is_it(slots_[i].number)) return slots_[i].number;
    }
    return kNone;
  }
  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (const Slot& slot : slots_) {
      if (slot.number != kNone) visit(slot.number);
    }
  }
  // The table must not have a number of the same key.
  void add(std::uint64_t hash, std::uint32_t number);
  // `number` must be there, and `by` stands for the same key.
  void replace(std::uint64_t hash, std::uint32_t number, std::uint32_t by) noexcept {
    slots_[place_of(hash, number)].number = by;
  }
  void remove(std::uint64_t hash, std::uint32_t number) noexcept;
  void clear() noexcept;

 private:
  static constexpr std::size_t kFewSlots = 64;
  // A free slot has all bits set.
  struct Slot {
    std::uint32_t number = kNone;
    std::uint32_t tag = UINT32_MAX;  // enough of the hash for a table of four billion slots
  };

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
  std::size_t slot_of(std::uint64_t hash) const { return tag_of(hash) & (slots_.size() - 1); }
  std::size_t place_of(std::uint64_t hash, std::uint32_t number) const;
  static void place(std::vector<Slot>& slots, const Slot& slot) noexcept;
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most three quarters full; or none
  std::size_t size_ = 0;
};

}  // namespace minikv::engine
