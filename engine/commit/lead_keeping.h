// Engine time's lead over the wall clock goes on record, and into the log: when it begins, jumps, and ends.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/lead_record.h"
#include "engine/commit/maintenance_task.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"

namespace minikv::engine {

// Thread safety: as MaintenanceTask.
class LeadKeeping final : public MaintenanceTask {
 public:
  // Tells of the lead with which the store was opened, if there is one.
  LeadKeeping(SharedState& state, Keeper& keeper);
  std::optional<std::int64_t> due_in_ms() override;
  void run_slice() override;

 private:
  void tell(const LeadRecord& before) const;

  SharedState& state_;
  Keeper& keeper_;
  LeadRecord told_;
  std::uint32_t seen_ = 0;  // EngineClock::changes()
};

}  // namespace minikv::engine
