// Writes engine time into the log once a second while keys with expiry exist, also without traffic.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/commit/log_room.h"
#include "engine/commit/log_writer.h"
#include "engine/commit/maintenance_task.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"

namespace minikv::engine {

// So a crash loses at most a second of engine time, and an expired key stays expired.
//
// Thread safety: as MaintenanceTask.
class TimeKeeping final : public MaintenanceTask {
 public:
  // All must outlive it.
  TimeKeeping(SharedState& state, Keeper& keeper, LogWriter& log, LogRoom& room)
      : state_(state), keeper_(keeper), log_(log), room_(room), tried_ms_(state.clock.now_ms()) {}
  std::optional<std::int64_t> due_in_ms() override;
  void run_slice() override;

 private:
  SharedState& state_;
  Keeper& keeper_;
  LogWriter& log_;
  LogRoom& room_;
  std::int64_t tried_ms_;  // engine time of the last attempt to write it
};

}  // namespace minikv::engine
