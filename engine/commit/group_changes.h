// The changes of a group, before they are published to the index.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>

#include "engine/base/chunked_vector.h"
#include "engine/core/pending_keys.h"
#include "engine/core/range_deletes.h"
#include "engine/index/index.h"

namespace minikv::engine {

// A change that is in the frame but not yet in the index.
struct Change {
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::string_view key;
  std::uint64_t hash = 0;
  Location location;               // `deleted`: the key goes
  const char* value = nullptr;     // if this group has put it: Location::value_bytes bytes
  std::uint32_t previous = kNone;  // previous change of the key in this group
  // If not kNone, the change is the range delete with this number in GroupChanges::ranges(). All other
  // members but `ends_task` mean nothing then.
  std::uint32_t range = kNone;
  bool ends_task = false;
  bool is_prepared = false;
  Index::Step step;  // once it is prepared

  bool is_range() const { return range != kNone; }
};

// A range delete of the group. It covers `newly_covered` entries that no earlier one covers: entries of the
// index, and those that the group's earlier changes add to it.
struct GroupRange {
  RangeDelete range;
  std::uint64_t newly_covered = 0;
  // Set once the range delete is prepared: all range deletes in force after it and, if it removes all keys,
  // the index that replaces the present one.
  RangeDeletes covered;
  std::shared_ptr<Index> fresh;
};

// The changes of a group in their order, and a small map that finds the newest one of a key.
//
// Thread safety: none.
class GroupChanges {
 public:
  // A position in the changes, for cut() and end_task().
  struct Mark {
    std::size_t changes = 0, ranges = 0;
    std::uint64_t keys_behind_ranges = 0;
  };
  using Chunks = ChunkedVector<Change>::Chunks;

  bool is_empty() const { return changes_.empty(); }
  std::size_t size() const { return changes_.size(); }
  Change& operator[](std::size_t i) { return changes_[i]; }
  const Change& operator[](std::size_t i) const { return changes_[i]; }
  const std::deque<GroupRange>& ranges() const { return ranges_; }
  GroupRange& range_of(const Change& change) { return ranges_[change.range]; }
  // While there are ranges: how many keys the store has after the changes.
  std::uint64_t keys_behind_ranges() const { return keys_behind_ranges_; }
  // Whether no change takes room on the disk for good.
  bool only_removes() const;

  // The newest change of the key; null: it was not changed. A range delete counts as none: see is_covered().
  const Change* newest(std::string_view key, std::uint64_t hash) const {
    const std::uint32_t number = number_of_newest(key, hash);
    return number == PendingKeys::kNone ? nullptr : &changes_[number];
  }
  // How many keys have a newest change.
  std::size_t changed_keys() const { return newest_.size(); }
  // Calls `visit` with the newest change of each key.
  template <typename Visitor>
  void for_each_newest(Visitor visit) const {
    newest_.for_each([&](std::uint32_t number) { visit(changes_[number]); });
  }
  // Whether one of the ranges deletes the key's record at this location.
  bool is_covered(std::string_view key, const Location& location) const {
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const GroupRange& one) {
      return one.range.sequence > location.sequence && one.range.covers(key);
    });
  }

  // May throw std::bad_alloc, as add_range() may; then cut() restores the state before the call. The bytes of
  // the key and the value must stay valid and unchanged for as long as the change is kept.
  void add(std::string_view key, std::uint64_t hash, const Location& location, const char* value);
  const RangeDelete& add_range(RangeDelete range, std::uint64_t newly_covered);
  void set_keys_behind_ranges(std::uint64_t keys) { keys_behind_ranges_ = keys; }

  Mark mark() const { return {changes_.size(), ranges_.size(), keys_behind_ranges_}; }
  // Forgets the changes since `mark`.
  void cut(const Mark& mark) noexcept;
  // The changes since `mark`, if any, are one batch: no reader may see a part of it.
  void end_task(const Mark& mark) {
    assert(mark.changes <= changes_.size());
    if (changes_.size() > mark.changes) changes_.back().ends_task = true;
  }
  // Forgets all, and keeps the memory.
  void clear() {
    changes_.cut(0);
    newest_.clear();
    if (!ranges_.empty()) ranges_.clear();
  }
  // Forgets all, and returns the memory that an ordinary group does not need: freeing it may take a while.
  Chunks shrink(std::size_t kept);

 private:
  std::uint32_t number_of_newest(std::string_view key, std::uint64_t hash) const {
    return newest_.find(hash, [&](std::uint32_t i) { return changes_[i].key == key; });
  }

  ChunkedVector<Change> changes_;
  PendingKeys newest_;  // numbers of changes
  std::deque<GroupRange> ranges_;
  std::uint64_t keys_behind_ranges_ = 0;
};

}  // namespace minikv::engine
