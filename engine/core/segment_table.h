// The segments by their ids.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/segment/segment.h"

namespace minikv::engine {

// A hash table in one piece of memory, since every look-up of a key needs it. emplace() either succeeds or
// changes nothing, which absl's tables do not promise where memory runs out.
//
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class SegmentTable {
 public:
  using Entry = std::pair<SegmentId, std::shared_ptr<Segment>>;
  using iterator = std::vector<Entry>::iterator;
  using const_iterator = std::vector<Entry>::const_iterator;

  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }

  const_iterator find(SegmentId id) const { return entries_.begin() + position_of(id); }
  iterator find(SegmentId id) { return entries_.begin() + position_of(id); }
  // Does nothing if the segment is there.
  void emplace(SegmentId id, std::shared_ptr<Segment> segment) {
    reserve_one();
    if (find(id) != end()) return;
    place(static_cast<std::uint32_t>(entries_.size()), id, slots_);
    entries_.emplace_back(id, std::move(segment));
  }
  // Makes sure that the next emplace() does not fail. May throw std::bad_alloc.
  void reserve_one() {
    if (entries_.size() == entries_.capacity())
      entries_.reserve(std::max<std::size_t>(16, 2 * entries_.size()));
    if ((entries_.size() + 1) * 2 <= slots_.size()) return;
    std::vector<std::uint32_t> slots(std::max<std::size_t>(32, slots_.size() * 2), kNone);
    fill(slots);
    slots_.swap(slots);
  }
  void erase(iterator at) {
    assert(at != entries_.end());
    if (at != entries_.end() - 1) *at = std::move(entries_.back());
    entries_.pop_back();
    std::fill(slots_.begin(), slots_.end(), kNone);  // segments are few, and this is seldom
    fill(slots_);
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  static std::size_t slot_of(SegmentId id, std::size_t slots) {
    return (id.number() * 0x9E3779B1U) & (slots - 1);
  }
  std::ptrdiff_t position_of(SegmentId id) const {
    if (slots_.empty()) return 0;
    std::size_t i = slot_of(id, slots_.size());
    for (; slots_[i] != kNone; i = (i + 1) & (slots_.size() - 1)) {
      if (entries_[slots_[i]].first == id) return static_cast<std::ptrdiff_t>(slots_[i]);
    }
    return static_cast<std::ptrdiff_t>(entries_.size());
  }
  static void place(std::uint32_t position, SegmentId id, std::vector<std::uint32_t>& slots) {
    std::size_t i = slot_of(id, slots.size());
    while (slots[i] != kNone) i = (i + 1) & (slots.size() - 1);
    slots[i] = position;
  }
  void fill(std::vector<std::uint32_t>& slots) const {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      place(static_cast<std::uint32_t>(i), entries_[i].first, slots);
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // a power of two, at most half full: positions in entries_
};

}  // namespace minikv::engine
