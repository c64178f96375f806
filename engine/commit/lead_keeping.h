// Records the lead of engine time over the wall clock, and logs when it begins, jumps and ends.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/lead_record.h"
#include "engine/commit/maintenance_task.h"
#include "engine/core/context.h"
#include "engine/files/keeper.h"

namespace minikv::engine {

// Thread safety: as MaintenanceTask.
class LeadKeeping final : public MaintenanceTask {
 public:
  // Logs the lead with which the store was opened, if there is one.
  LeadKeeping(StoreContext& context, Keeper& keeper);
  std::optional<std::int64_t> due_in_ms() override;
  void run_slice() override;

 private:
  void tell(const LeadRecord& before) const;

  StoreContext& context_;
  Keeper& keeper_;
  LeadRecord told_;
  std::uint32_t seen_ = 0;  // EngineClock::changes()
};

}  // namespace minikv::engine
