// Maintenance: the writer's work that no client waits for, such as taking out expired keys and recording the
// time.
//
// Maintenance belongs to the writer, because it changes the index or appends to the log. It may be a lot of
// work, for example after a million keys have expired in the same second. So the writer does it in slices:
// one between two groups while there are writes, one after the other while there are none. No write waits for
// more than one slice, and no reader for more than one hold of the lock.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/commit/active_expiry.h"
#include "engine/commit/index_watch.h"
#include "engine/commit/lead_keeping.h"
#include "engine/commit/log_room.h"
#include "engine/commit/log_writer.h"
#include "engine/commit/maintenance_task.h"
#include "engine/commit/range_sweep.h"
#include "engine/commit/time_keeping.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"

namespace minikv::engine {

// Runs the tasks in turn. If there is no memory for one of them, all rest for a second.
//
// Thread safety: for the thread that acts as the writer; next_deadline() also for one that is about to (see
// WriterQueue).
class Maintenance {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // All must outlive it.
  Maintenance(SharedState& state, Keeper& keeper, LogWriter& log, LogRoom& room);
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;

  // When the next work is due; nothing: not before something was written. `may_be_idle`: the work of
  // run_when_idle() counts, too.
  std::optional<TimePoint> next_deadline(bool may_be_idle);
  // Runs one slice of one task that is due. False: none is, or there is no memory for it.
  bool run_slice() noexcept;
  // Appends the watermark to the log, if it is due. To be called where neither tasks nor calls wait.
  void run_when_idle() noexcept;
  // A group has been committed.
  void note_group() { range_sweep_.note_group(); }

 private:
  std::optional<std::int64_t> due_in_ms();
  bool run_task_that_is_due();
  template <typename Work>
  bool run_if_there_is_memory(Work work) noexcept;

  SharedState& state_;
  LogWriter& log_;
  ActiveExpiry active_expiry_;
  RangeSweep range_sweep_;
  TimeKeeping time_keeping_;
  LeadKeeping lead_keeping_;
  IndexWatch index_watch_;
  const std::array<MaintenanceTask*, 5> tasks_;
  std::size_t next_task_ = 0;
  TimePoint retry_at_ = {};  // there was no memory; the epoch: there was
};

}  // namespace minikv::engine
