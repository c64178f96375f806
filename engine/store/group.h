// One group commit in the making: what the tasks of the group see and change.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/chunked_vector.h"
#include "engine/format/frame.h"
#include "engine/store/handle.h"
#include "engine/store/pending_keys.h"
#include "engine/store/remaining.h"
#include "engine/store/state.h"
#include "minikv/transaction.h"

namespace minikv::engine {

class CountedRange;
class FoundKeys;

// A change that is in the frame but not yet in the index.
struct Change {
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::string_view key;
  std::uint64_t hash = 0;
  Place place;                     // `deleted`: the key goes
  const char* value = nullptr;     // where it was put by this group: Place::value_bytes of them
  std::uint32_t previous = kNone;  // change of the key in this group
  std::uint32_t range =
      kNone;  // not kNone: this one of the group's ranges of keys goes, and all else means nothing
  bool ends_task = false;
  bool is_prepared = false;
  Index::Step step;  // when it is prepared

  bool is_range() const { return range != kNone; }
};

// A range of keys that goes. So many entries of the index, those that the group's changes before this one make included, are
// covered by this one and were not before.
struct GroupRange {
  RangeDelete range;
  std::uint64_t newly_covered = 0;
  // When it is prepared: what is covered from then on; and where all keys go, what takes the place of the index.
  RangeDeletes covered;
  std::shared_ptr<Index> fresh;
};

// The Transaction that a group's tasks get, one after the other. Records go into one frame, and a small map in front of
// the index shows each task what the ones before it have done.
//
// Thread safety: the writer's alone.
class Group final : public Transaction {
 public:
  explicit Group(SharedState& state) : state_(state) {}

  // Where the frame will stand, and the first sequence it may use.
  void begin(std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t first_sequence,
             const StoreTime& now);
  // Lets go of the segment, which may be about to be given up, and of memory that an ordinary group does not need.
  void end();
  // The values that the task has announced, each as find_missing() has left it; and about how many bytes it adds to the log.
  void begin_task(std::span<OldValue> old_values = {}, std::size_t bytes = 0);
  // Whether the index has no room for the keys, or the expiries of keys, that the task has added. Then it is to be undone.
  bool passes_index_limit() const;
  void end_task();
  // Undoes what the task has changed, instead of end_task(): there was no memory for it.
  void abort_task() noexcept;

  std::uint64_t next_sequence() const { return next_sequence_; }
  bool has_changes() const { return !changes_.empty(); }
  // Later tasks belong into the next group: each range delete looks through all that its group has changed.
  bool has_range() const { return !ranges_.empty(); }
  bool task_has_changes() const { return changes_.size() > task_first_change_; }
  ChunkedVector<Change>& changes() { return changes_; }
  GroupRange& range_of(const Change& change) { return ranges_[change.range]; }
  // Nothing in it takes room for good.
  bool only_removes() const;
  FrameBuilder& frame() { return frame_; }

  // Makes sure that get() can give `old` to the next task without waiting for the disk, or for the copying of a large value:
  // nothing if it can; else where the value has to be read from, and OldValue::version is set to what it is.
  std::optional<ValueHandle> find_missing(OldValue& old);

  // Writes down that the key's record at `sequence` was damaged, if that is still the newest.
  void add_lost(std::string_view key, std::uint64_t sequence, std::string_view type);

  // Transaction
  const StoreTime& time() const override { return now_; }
  std::optional<Entry> find(std::string_view key) override;
  Result<Value> get(std::string_view key) override;
  std::optional<ValueHandle> locate(std::string_view key) override;
  ScanPage scan(const ScanOptions& options) override;
  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) override;
  std::uint64_t size() override;
  std::uint64_t room() const override;
  std::uint64_t put(std::string_view key, std::string_view value, std::uint32_t checksum,
                    std::int64_t expiry_ms) override;
  bool remove(std::string_view key) override;
  bool set_expiry(std::string_view key, std::int64_t expiry_ms) override;
  void look_up(KeyLookup& lookup) override;
  std::uint64_t remove_range(RangeCount& counted) override;
  void remove_all() override;

 private:
  struct Pending {
    Place place;
    const char* value = nullptr;  // where it was put by this group
  };

  // What the key is at this point of the group; nothing if it is not there.
  std::optional<Pending> present(std::string_view key) const { return present(key, hash_of(key)); }
  std::optional<Pending> present(std::string_view key, std::uint64_t hash) const;
  // The newest change of the key in this group; kNone and null if there is none.
  std::uint32_t number_of_pending(std::string_view key, std::uint64_t hash) const {
    return pending_.find(hash, [&](std::uint32_t i) { return changes_[i].key == key; });
  }
  const Change* pending(std::string_view key, std::uint64_t hash) const {
    const std::uint32_t number = number_of_pending(key, hash);
    return number == PendingKeys::kNone ? nullptr : &changes_[number];
  }
  // Shows the newest change of each key that this group has changed.
  template <typename Visitor>
  void for_each_pending(Visitor visit) const;
  SegmentPtr segment_of(const Place& place) const;
  Result<Value> copy_of(std::string_view key, const Pending& found) const;
  // Of the keys that this group has changed, those of the walk, in its order.
  std::vector<std::string_view> pending_keys(const Remaining& remaining) const;
  Place append(const NewRecord& record);
  void change(std::string_view key, std::uint64_t hash, const Pending& now);
  std::int64_t index_growth(std::string_view key, std::uint64_t hash, const Pending& now) const;
  bool is_near_index_limit(std::uint64_t bytes) const;
  void look_at_index();

  // engine/store/group_many.cpp
  struct Covered {
    std::uint64_t keys = 0;     // that are there
    std::uint64_t entries = 0;  // those that have expired included

    void add(const Place& place, std::int64_t now_ms) {
      ++entries;
      if (is_present(place, now_ms)) ++keys;
    }
  };
  void add_pending(std::span<const std::string_view> keys, FoundKeys& found) const;
  Covered count(const RangeDelete& range, const RangeCount& counted) const;
  std::optional<Covered> count_of_index(const RangeDelete& range, const CountedRange* counted) const;
  Covered walk(const RangeDelete& range) const;
  bool is_covered(std::string_view key, const Place& place) const;
  void add_range(RangeDelete range, std::uint64_t newly_covered);

  SharedState& state_;
  std::shared_ptr<Segment> segment_;
  FrameBuilder frame_;
  ChunkedVector<Change> changes_;
  PendingKeys pending_;
  std::span<OldValue> old_values_;        // of the present task
  std::deque<GroupRange> ranges_;         // of this group
  std::uint64_t size_behind_ranges_ = 0;  // while there are any: how many keys there are
  // As the present task has found it.
  FrameBuilder::Mark task_begin_;
  std::size_t task_first_change_ = 0, task_first_range_ = 0;
  std::uint64_t task_first_sequence_ = 0, task_size_behind_ranges_ = 0;
  std::uint64_t next_sequence_ = 0;
  StoreTime now_;
  // What the index takes, when somebody looked last, and how much went into the log since then. While there is plenty of room,
  // nobody looks, nor counts what a task adds.
  std::uint64_t index_bytes_ = 0, logged_since_ = 0;
  bool counts_growth_ = false;
  bool task_adds_keys_ = false;
  std::int64_t growth_ = 0, task_growth_ = 0;  // of the index by this group and by the present task
};

template <typename Visitor>
void Group::for_each_pending(Visitor visit) const {
  pending_.for_each([&](std::uint32_t number) { visit(changes_[number]); });
}

}  // namespace minikv::engine
