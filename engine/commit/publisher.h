// Makes a group visible once it is on disk, and makes sure beforehand that this can't fail.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/reader_lock.h"
#include "engine/base/thread_annotations.h"
#include "engine/commit/group_changes.h"
#include "engine/core/state.h"
#include "minikv/status.h"

namespace minikv::engine {

// A group that is on disk has been acknowledged or is about to be, and can't be given up for lack of memory.
// So prepare() allocates the memory for its changes of the index before the group is written: the entries of
// new keys, and the new state of the range deletes. The growth of the index's tables and trees can't be
// allocated beforehand; the reserve has room for it.
//
// One group at a time is prepared, written and published.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class Publisher {
 public:
  // `state` must outlive it.
  explicit Publisher(SharedState& state) : state_(state) {}

  // To be called before the group is written. kOutOfMemory: nothing has been allocated, and the group is to
  // be refused. Otherwise the caller then calls publish() or drop().
  Status prepare(GroupChanges& changes);
  // Makes the group visible, a few hundred records per hold of the lock, and never a part of a batch.
  // `last_sequence` is the last sequence of the group. Can't fail.
  void publish(GroupChanges& changes, std::uint64_t last_sequence) noexcept;
  // To be called instead of publish() if the group could not be written.
  void drop(GroupChanges& changes) noexcept;

 private:
  void prepare_range(GroupRange& range);
  void prepare_put(GroupChanges& changes, Change& change);
  void forget_journal();
  std::size_t prefetch(const GroupChanges& changes, std::size_t first) const MINIKV_REQUIRES(state_.lock);
  void apply(GroupChanges& changes, Change& change) MINIKV_REQUIRES(state_.lock);
  void apply(GroupRange& range) MINIKV_REQUIRES(state_.lock);

  SharedState& state_;
  // While a group is prepared, and not published yet.
  Index* index_ = nullptr;            // for the next changes; null: no group is prepared
  std::uint32_t first_in_index_ = 0;  // number of the first change that goes to index_
  const RangeDeletes* covered_ = nullptr;
  std::size_t fresh_ = 0, expiring_ = 0, gone_ = 0;
};

}  // namespace minikv::engine
