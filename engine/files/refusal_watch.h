// Logs when the store begins to refuse writes, because the disk is full or for another reason, and when that
// is over.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/core/full_disk.h"
#include "engine/files/disk_space.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/spare_segment.h"

namespace minikv::engine {

// The watch logs a spell of refusals once when it begins and once when it is over. The keeper looks every
// second whether it is over. A store that has become read-only is logged elsewhere.
//
// Thread safety: all members may be called from any thread, but look() by the keeper's alone.
class RefusalWatch {
 public:
  RefusalWatch(StoreContext& context, KeeperMonitor& monitor, const DiskSpace& disk,
               const SpareSegment& spare)
      : context_(context), monitor_(monitor), disk_(disk), spare_(spare) {}

  // The store was opened on a full disk. `why`: why a segment could not be made; ok: that was not tried.
  void note_opened_full(const DiskRoom& room, const Status& why) const;
  // note_refused(): the store could not carry out a write. note_taken(): a write that takes room has
  // succeeded.
  void note_refused(const Status& why) MINIKV_EXCLUDES(keeper_mutex);
  void note_taken();

  // ---- for the keeper ----
  bool is_look_due() const MINIKV_REQUIRES(keeper_mutex);
  // By the steady clock; nothing: no writes are refused.
  std::optional<std::int64_t> next_look_ms() const MINIKV_REQUIRES(keeper_mutex);
  void look() MINIKV_EXCLUDES(keeper_mutex);

 private:
  bool are_writes_refused() const { return context_.full_disk.is_on() || context_.failing_writes.is_on(); }

  StoreContext& context_;
  KeeperMonitor& monitor_;
  const DiskSpace& disk_;
  const SpareSegment& spare_;
  std::int64_t next_look_ms_ MINIKV_GUARDED_BY(keeper_mutex) = 0;
};

}  // namespace minikv::engine
