// Logs when the index has reached its maximum size (max_index_memory), and when there is room again.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/commit/maintenance_task.h"
#include "engine/core/state.h"

namespace minikv::engine {

// Thread safety: as MaintenanceTask.
class IndexWatch final : public MaintenanceTask {
 public:
  // A store opens even with an index beyond its maximum size; the watch then notes that there is no room.
  explicit IndexWatch(SharedState& state);
  std::optional<std::int64_t> due_in_ms() override;
  void run_slice() override;

 private:
  std::uint64_t index_bytes() const;

  SharedState& state_;
  bool is_told_ = false;
  std::int64_t next_look_ms_ = 0;  // while is_told_
};

}  // namespace minikv::engine
