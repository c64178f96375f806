// Group commit: the changes of a group's tasks become one frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "engine/commit/group_changes.h"
#include "engine/commit/group_view.h"
#include "engine/commit/index_budget.h"
#include "engine/core/state.h"
#include "engine/core/value_reader.h"
#include "engine/format/frame.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// The Transaction that a group's tasks get, one after the other. All records go into one frame, and each task
// sees the changes of those before it.
//
// The caller begins and ends groups and tasks in pairs: begin(), then for each task begin_task() and either
// end_task() or abort_task(), then end(). The members of Transaction may be called between begin_task() and
// end_task() or abort_task(). changes(), frame() and next_sequence() are complete when the last task has
// ended, and hold until end().
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class Group final : public Transaction {
 public:
  // `state` must outlive it.
  explicit Group(SharedState& state);

  // The frame will stand at the end of the segment, and may use sequences from `first_sequence` on. May throw
  // std::bad_alloc; then the group is not begun.
  void begin(const std::shared_ptr<Segment>& segment, std::uint64_t first_sequence, const StoreTime& now);
  bool is_begun() const { return view_.is_begun(); }
  // Lets go of the segment, which may be about to be given up, and of memory that an ordinary group does not
  // need.
  void end();

  // `old_values` are those that the task has announced, each as find_missing() has left it. `bytes` is about
  // how many bytes the task adds to the log.
  void begin_task(std::span<OldValue> old_values, std::size_t bytes);
  // Whether the index has no room for the keys, or the expiries of keys, that the task has added. Then the
  // caller has to abort the task.
  bool passes_index_limit() const { return budget_.is_passed(); }
  void end_task();
  // Undoes what the task has changed, instead of end_task().
  void abort_task() noexcept;

  const std::shared_ptr<Segment>& segment() const { return view_.segment(); }
  std::uint64_t next_sequence() const { return next_sequence_; }
  bool has_changes() const { return !changes_.is_empty(); }
  // Whether the group has a range delete. Later tasks then belong into the next group, since each range
  // delete looks through all changes of its group.
  bool has_range() const { return !changes_.ranges().empty(); }
  GroupChanges& changes() { return changes_; }
  FrameBuilder& frame() { return frame_; }

  // Between tasks. Makes sure that get() can give `old` to the next task without waiting for the disk, or for
  // the copying of a large value. Returns nothing if get() can. Otherwise returns the handle to read the
  // value by, and sets OldValue::version to that value's version.
  std::optional<ValueHandle> find_missing(OldValue& old);

  // Within a task: adds a `lost` record, which names the key's newest record, at `sequence`, as damaged. Adds
  // nothing if the key has expired meanwhile.
  void add_lost(std::string_view key, std::uint64_t sequence, std::string_view type);

  // Transaction
  const StoreTime& time() const override { return view_.time(); }
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
  Result<Value> copy_of(std::string_view key, const GroupView::Present& found) const;
  Location append(const NewRecord& record);
  void change(std::string_view key, std::uint64_t hash, const GroupView::Present& now);
  void add_range(RangeDelete range, std::uint64_t newly_covered);
  std::int64_t index_growth(std::string_view key, std::uint64_t hash, const Location& now) const;
  std::uint64_t index_bytes() const;

  SharedState& state_;
  GroupChanges changes_;
  GroupView view_;
  FrameBuilder frame_;
  IndexBudget budget_;
  std::uint64_t next_sequence_ = 0;
  bool is_in_task_ = false;
  std::span<OldValue> old_values_;  // of the present task
  // The state that abort_task() restores.
  GroupChanges::Mark changes_before_;
  FrameBuilder::Mark frame_before_;
  std::uint64_t next_sequence_before_ = 0;
};

}  // namespace minikv::engine
