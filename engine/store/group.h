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

#include <absl/container/flat_hash_map.h>

#include "engine/format/frame.h"
#include "engine/store/handle.h"
#include "engine/store/remaining.h"
#include "engine/store/state.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// A change that is in the frame but not yet in the index.
struct Change {
  std::string_view key;
  Place place;  // `deleted`: the key goes
  bool ends_task = false;
  // Not null: a range of keys goes, and `key` and `place` mean nothing. So many entries of the index, those that the
  // group's changes before this one make included, are covered by this one and were not before.
  const RangeDelete* range = nullptr;
  std::uint64_t newly_covered = 0;
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
             std::int64_t now_ms);
  // The values that the task has announced, each as find_missing() has left it.
  // Lets go of the segment, which may be about to be given up.
  void end() { segment_.reset(); }
  void begin_task(std::span<OldValue> old_values = {});
  void end_task();

  std::uint64_t next_sequence() const { return next_sequence_; }
  bool has_changes() const { return !changes_.empty(); }
  // Later tasks belong into the next group: each range delete looks through all that its group has changed.
  bool has_range() const { return !ranges_.empty(); }
  bool task_has_changes() const { return changes_.size() > task_first_change_; }
  const std::vector<Change>& changes() const { return changes_; }
  // Nothing in it takes room for good.
  bool only_removes() const;
  FrameBuilder& frame() { return frame_; }

  // Makes sure that get() can give `old` to the next task without waiting for the disk: nothing if it can; else where the
  // value has to be read from, and OldValue::version is set to what it is.
  std::optional<ValueHandle> find_missing(OldValue& old);

  // Writes down that the key's record at `sequence` was damaged, if that is still the newest.
  void add_lost(std::string_view key, std::uint64_t sequence, std::string_view type);

  // Transaction
  std::int64_t now_ms() const override { return now_ms_; }
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
  std::uint64_t remove_range(std::string_view from, std::string_view to) override;
  void remove_all() override;

 private:
  struct Pending {
    Place place;
    std::optional<std::string_view> value;  // where it was put by this group
  };

  // What the key is at this point of the group; nothing if it is not there.
  std::optional<Pending> present(std::string_view key) const;
  SegmentPtr segment_of(const Place& place) const;
  // Of the keys that this group has changed, those of the walk, in its order.
  std::vector<std::string_view> pending_keys(const Remaining& remaining) const;
  Place append(const NewRecord& record);
  void change(std::string_view key, const Pending& pending);

  struct Covered {
    std::uint64_t keys = 0;     // that are there
    std::uint64_t entries = 0;  // those that have expired included
  };
  Covered count(const RangeDelete& range) const;
  bool is_covered(std::string_view key, const Place& place) const;
  void add_range(RangeDelete range, std::uint64_t newly_covered);

  SharedState& state_;
  std::shared_ptr<Segment> segment_;
  FrameBuilder frame_;
  std::vector<Change> changes_;
  absl::flat_hash_map<std::string_view, Pending> pending_;
  std::span<OldValue> old_values_;  // of the present task
  std::deque<RangeDelete> ranges_;  // of this group
  std::size_t task_first_change_ = 0;
  std::size_t task_first_record_ = 0;
  std::uint64_t task_first_byte_ = 0;  // of the frame
  std::uint64_t next_sequence_ = 0;
  std::int64_t now_ms_ = 0;
};

}  // namespace minikv::engine
