// What makes a group visible once it is on disk, and what makes sure beforehand that it can.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/reader_lock.h"
#include "engine/base/thread_annotations.h"
#include "engine/commit/group_changes.h"
#include "engine/core/state.h"
#include "minikv/status.h"

namespace minikv::engine {

// A group that is on disk has been acknowledged or is about to be: it can't be given up for lack of memory.
// So everything that its changes of the index take is taken before it is written: the entries of new keys and
// the new state of the range deletes; and for what can't be taken beforehand, the growth of the index's
// tables and trees, the reserve has room.
//
// One group at a time is prepared, written and published.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class Publisher {
 public:
  // `state` must outlive it.
  explicit Publisher(SharedState& state) : state_(state) {}

  // Before the group is written. kOutOfMemory: nothing has been taken, and the group is to be refused.
  // Otherwise either publish() or drop() follows.
  Status prepare(GroupChanges& changes);
  // Makes the group, whose last sequence is `last_sequence`, visible: a few hundred records a hold of the
  // lock and never half a batch. Can't fail.
  void publish(GroupChanges& changes, std::uint64_t last_sequence) noexcept;
  // Instead of publish(): the group could not be written.
  void drop(GroupChanges& changes) noexcept;

 private:
  void prepare_range(GroupRange& range);
  void prepare_put(GroupChanges& changes, Change& change);
  void forget_journal();
  std::size_t fetch_ahead(const GroupChanges& changes, std::size_t first) const MINIKV_REQUIRES(state_.lock);
  void apply(GroupChanges& changes, Change& change) MINIKV_REQUIRES(state_.lock);
  void apply(GroupRange& range) MINIKV_REQUIRES(state_.lock);

  SharedState& state_;
  // While a group is prepared, and not published yet.
  Index* index_ = nullptr;            // that its next changes will be made in; null: no group is prepared
  std::uint32_t first_in_index_ = 0;  // of the changes that will be
  const RangeDeletes* covered_ = nullptr;
  std::size_t fresh_ = 0, expiring_ = 0, gone_ = 0;
};

}  // namespace minikv::engine
