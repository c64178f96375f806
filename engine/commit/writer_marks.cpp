// The frames without records that the writer appends of its own accord: how far the log is durable, and what time it is.

#include <algorithm>

#include "engine/commit/writer.h"

namespace minikv::engine {
namespace {

constexpr auto kWatermarkDelay = std::chrono::milliseconds(100);
constexpr std::int64_t kTimeEveryMs = 1000;

}  // namespace

// ---- the watermark ----

// Whether the log's end does not yet say that its last records are durable. Until it does, damage there could not be
// told from a torn write.
bool Writer::wants_watermark() const {
  if (state_.options.fsync == Fsync::kNever || state_.health.is_read_only()) return false;
  return active_max_seq_ != 0 && last_watermark_ + 1 < next_sequence_;
}

void Writer::put_off_watermark() { watermark_due_ = std::chrono::steady_clock::now() + kWatermarkDelay; }

void Writer::append_watermark() {
  if (!wants_watermark() || std::chrono::steady_clock::now() < watermark_due_) return;
  put_off_watermark();
  const std::uint64_t durable = state_.durable_sequence.load(std::memory_order_acquire);
  if (durable + 1 < next_sequence_) return;
  group_.begin(active_, active_->used_bytes.load(std::memory_order_relaxed), next_sequence_,
               state_.clock.now());
  if (!write_frame()) {
    last_watermark_ = durable;  // the log has no room: not tried again for the same records
    return;
  }
  if (state_.options.fsync == Fsync::kAlways) (void)sync_frame();
}

// ---- the time ----

std::optional<std::int64_t> Writer::TimeKeeping::due_in_ms() {
  const SharedState& state = writer_.state_;
  state.lock.assert_writer_thread();
  if (state.index.keys_with_expiry() == 0 || state.health.is_read_only()) return std::nullopt;
  return std::max<std::int64_t>(writer_.last_time_ms_ + kTimeEveryMs - writer_.state_.clock.now_ms(), 0);
}

void Writer::append_time() {
  const StoreTime now = state_.clock.now();
  last_time_ms_ = now.engine_ms;  // also if it fails: not tried again before the next is due
  if (in_reserve_ || (!leaves_reserve(0) && keeper_.disk().is_tight())) return keeper_.note_time();
  const std::uint64_t used = active_->used_bytes.load(std::memory_order_relaxed);
  if (used + sizeof(FrameHeader) > state_.options.segment_size) {
    make_room_for_segment();
    if (auto spare = keeper_.spare().take(); spare && *spare) go_on_in(std::move(*spare));
  }
  group_.begin(active_, active_->used_bytes.load(std::memory_order_relaxed), next_sequence_, now);
  if (write_frame()) (void)sync_frame();
}

}  // namespace minikv::engine
