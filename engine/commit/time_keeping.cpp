// When engine time is written to the log, and where it goes on a full disk.
#include "engine/commit/time_keeping.h"

#include <algorithm>

namespace minikv::engine {
namespace {

constexpr std::int64_t kTimeEveryMs = 1000;

}  // namespace

std::optional<std::int64_t> TimeKeeping::due_in_ms() {
  state_.lock.assert_writer_thread();
  if (state_.index.keys_with_expiry() == 0 || state_.health.is_read_only()) return std::nullopt;
  const std::int64_t last_ms = std::max(tried_ms_, log_.last_time_ms());
  return std::max<std::int64_t>(last_ms + kTimeEveryMs - state_.clock.now_ms(), 0);
}

void TimeKeeping::run_slice() {
  tried_ms_ = state_.clock.now_ms();
  if (!room_.make_room_for_mark()) return keeper_.note_time();
  if (log_.append_mark(tried_ms_)) (void)log_.sync();
}

}  // namespace minikv::engine
