// What makes a group visible once it is on disk, and what makes sure beforehand that it can.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/commit/group.h"
#include "engine/core/state.h"
#include "minikv/status.h"

namespace minikv::engine {

// A group that is on disk has been acknowledged or is about to be: it can't be given up for lack of memory. So everything that
// its changes of the index take is taken before it is written: the entries of new keys and the new state of the range
// deletes; and for what can't be taken beforehand, the growth of the index's tables and trees, the reserve has room.
//
// Thread safety: the writer's alone.
class Publisher {
 public:
  explicit Publisher(SharedState& state) : state_(state) {}

  // Before the group is written. kOutOfMemory: nothing has been taken, and the group is to be refused.
  Status prepare(Group& group);
  // Makes the group visible, a few hundred records a hold of the lock and never half a batch. Can't fail.
  void publish(Group& group) noexcept;
  // Instead of publish(): the group could not be written.
  void drop(Group& group) noexcept;

 private:
  void prepare_range(GroupRange& range);
  void prepare_put(Group& group, Change& change);
  void forget_journal();
  std::size_t fetch_ahead(const ChunkedVector<Change>& changes, std::size_t first) const
      MINIKV_REQUIRES(state_.lock);
  void apply(Group& group, Change& change) MINIKV_REQUIRES(state_.lock);
  void apply(GroupRange& range) MINIKV_REQUIRES(state_.lock);

  SharedState& state_;
  // While a group is prepared.
  Index* index_ = nullptr;            // that its next changes will be made in
  std::uint32_t first_in_index_ = 0;  // of the changes that will be
  const RangeDeletes* covered_ = nullptr;
  std::size_t fresh_ = 0, expiring_ = 0, gone_ = 0;
};

}  // namespace minikv::engine
