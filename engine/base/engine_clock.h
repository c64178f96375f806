// Engine time never steps back, whatever the wall clock does; minikv/store_time.h says what it promises.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/clock.h"
#include "engine/base/lead_record.h"
#include "engine/base/thread_annotations.h"
#include "minikv/store_time.h"

namespace minikv::engine {

// Engine time is as a rule the wall clock's. After the wall clock was set back, engine time has a lead: a
// line along which it advances at 99 % of the wall clock's pace. The line is fixed, so that each wall time is
// always converted to the same engine time. A new line begins whenever the wall clock jumps, which a
// comparison with the steady clock shows.
//
// Thread safety: all members may be called from any thread; resume() before any other.
class EngineClock {
 public:
  explicit EngineClock(const Clock& clock) : clock_(clock), last_steady_ms_(clock.steady_ms()) {}

  // Continues from what was recorded: `floor_ms` is the latest engine time ever recorded, `recorded` the lead
  // when the store was last open. If the machine has not been rebooted since, the steady clock says how much
  // time has passed. Otherwise engine time stood still meanwhile, so that no key expires early.
  void resume(std::int64_t floor_ms, const LeadRecord& recorded);

  StoreTime now();
  std::int64_t now_ms() { return now().engine_ms; }
  // Grows whenever the lead begins, jumps or ends.
  std::uint32_t changes() const { return changes_.load(std::memory_order_acquire); }
  // The record that the manifest should have of the present lead, where it has `recorded`: the same one, as
  // long as the two leads differ by less than a second and stem from the same boot. No record is due without
  // a lead, nor for a new lead of less than a second.
  LeadRecord record(const LeadRecord& recorded);

  std::int64_t steady_ms() const { return clock_.steady_ms(); }
  // At most kLatestMs before or behind 1970, whatever the clock says.
  std::int64_t wall_ms() const;

 private:
  struct Reading {
    std::int64_t wall_ms = 0;
    std::int64_t steady_ms = 0;
  };
  Reading read_together() const;
  static bool lags(const Reading& reading, std::int64_t centi_ms);
  void advance() MINIKV_REQUIRES(mutex_);
  void begin_lead(const Reading& reading, std::int64_t centi_ms) MINIKV_REQUIRES(mutex_);
  void end_lead() MINIKV_REQUIRES(mutex_);

  const Clock& clock_;
  std::atomic<std::uint32_t> changes_{0};
  Mutex mutex_;
  std::int64_t last_centi_ms_ MINIKV_GUARDED_BY(mutex_) = 0;  // engine time, in hundredths of a millisecond
  std::int64_t last_wall_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::int64_t last_steady_ms_ MINIKV_GUARDED_BY(mutex_);
  LeadRecord lead_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::engine
