// What a group changes, before it is in the index.
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
  Place place;                     // `deleted`: the key goes
  const char* value = nullptr;     // where it was put by this group: Place::value_bytes of them
  std::uint32_t previous = kNone;  // change of the key in this group
  // If not kNone, this one of the group's ranges of keys goes, and all else means nothing.
  std::uint32_t range = kNone;
  bool ends_task = false;
  bool is_prepared = false;
  Index::Step step;  // when it is prepared

  bool is_range() const { return range != kNone; }
};

// A range of keys that goes. So many entries of the index, those that the group's changes before this one
// make included, are covered by this one and were not before.
struct GroupRange {
  RangeDelete range;
  std::uint64_t newly_covered = 0;
  // When it is prepared: what is covered from then on; and where all keys go, what takes the place of the
  // index.
  RangeDeletes covered;
  std::shared_ptr<Index> fresh;
};

// The changes of a group in their order, and a small map that finds the newest of a key.
//
// Thread safety: none.
class GroupChanges {
 public:
  // How far they have come.
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
  // While there are ranges: how many keys of the store there are, as the changes leave it.
  std::uint64_t keys_behind_ranges() const { return keys_behind_ranges_; }
  // Nothing in it takes room for good.
  bool only_removes() const;

  // The newest change of the key; null: it was not changed. A range delete counts as none: see is_covered().
  const Change* newest(std::string_view key, std::uint64_t hash) const {
    const std::uint32_t number = number_of_newest(key, hash);
    return number == PendingKeys::kNone ? nullptr : &changes_[number];
  }
  // Of how many keys there is one.
  std::size_t changed_keys() const { return newest_.size(); }
  // Shows the newest change of each key.
  template <typename Visitor>
  void for_each_newest(Visitor visit) const {
    newest_.for_each([&](std::uint32_t number) { visit(changes_[number]); });
  }
  // Whether the place is gone by one of the ranges.
  bool is_covered(std::string_view key, const Place& place) const {
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const GroupRange& one) {
      return one.range.sequence > place.sequence && one.range.covers(key);
    });
  }

  // May throw std::bad_alloc, as add_range() may: then cut() brings back what was there before. The key's
  // bytes, and the value's, must stay as they are.
  void add(std::string_view key, std::uint64_t hash, const Place& place, const char* value);
  const RangeDelete& add_range(RangeDelete range, std::uint64_t newly_covered);
  void set_keys_behind_ranges(std::uint64_t keys) { keys_behind_ranges_ = keys; }

  Mark mark() const { return {changes_.size(), ranges_.size(), keys_behind_ranges_}; }
  // Forgets what was added since.
  void cut(const Mark& mark) noexcept;
  // What was added since, if anything, belongs together: no reader may see a part of it.
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
  // Forgets all, and returns what memory an ordinary group does not need: to free it may take a while.
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
