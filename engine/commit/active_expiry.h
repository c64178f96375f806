// Active expiry: takes expired keys out of the index.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/commit/maintenance_task.h"
#include "engine/core/state.h"

namespace minikv::engine {

// Active expiry writes nothing to the log: the record on disk carries its expiry, by which recovery drops the
// key. Compaction keeps a tombstone in place of such a record where it may hide older ones. A key is not
// found from the moment of its expiry on, collected or not. Active expiry only changes memory, DBSIZE, and
// what compaction takes for dead.
//
// Thread safety: as MaintenanceTask.
class ActiveExpiry final : public MaintenanceTask {
 public:
  explicit ActiveExpiry(SharedState& state) : state_(state) {}
  std::optional<std::int64_t> due_in_ms() override;
  void run_slice() override;

 private:
  SharedState& state_;
  bool has_more_ = false;
  std::int64_t earliest_next_ms_ = 0;  // by the steady clock
};

}  // namespace minikv::engine
