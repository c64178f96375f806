// Engine time: never steps back, whatever the wall clock does. What it promises is told in
// minikv/store_time.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/clock.h"
#include "engine/base/lead_record.h"
#include "engine/base/thread_annotations.h"
#include "minikv/store_time.h"

namespace minikv::engine {

// As a rule engine time is the wall clock's. Where that has been set back, it has a lead: a line along which
// it goes on at 99 % of the wall clock's pace. The line is fixed, so that one wall time is always converted
// to the same engine time, and it is drawn anew whenever the wall clock is seen to jump, by comparing it with
// the steady clock.
//
// Thread safety: all members may be called from any thread; resume() before any other.
class EngineClock {
 public:
  explicit EngineClock(const Clock& clock) : clock_(clock), last_steady_ms_(clock.steady_ms()) {}

  // No later time was ever recorded than `floor_ms`, and this lead when the store was open last: goes on from
  // there. What has passed meanwhile is known if the machine has not been started anew; otherwise engine time
  // stood still, so that nothing expires early.
  void resume(std::int64_t floor_ms, const LeadRecord& recorded);

  StoreTime now();
  std::int64_t now_ms() { return now().engine_ms; }
  // Grows whenever the lead begins, jumps or ends.
  std::uint32_t changes() const { return changes_.load(std::memory_order_acquire); }
  // What should be on record of the present lead, where `recorded` is: the same, unless it differs by what
  // matters.
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
