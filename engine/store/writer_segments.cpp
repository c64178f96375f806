// Which segment the writer's next group goes to.

#include <algorithm>
#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "engine/store/missing_log.h"
#include "engine/store/writer.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kPlentySegments = 4;
constexpr auto kPlentyHolds = std::chrono::milliseconds(100);
constexpr auto kLongestBrake = std::chrono::milliseconds(500), kBrakePause = std::chrono::milliseconds(10);

}  // namespace

// ---- segments ----

bool Writer::fits(std::size_t bytes) const {
  if (active_->id() == kNoSegment) return false;
  return active_->used_bytes.load(std::memory_order_relaxed) == sizeof(SegmentHeader) ||
         end_with(bytes) <= state_.options.segment_size;
}

std::uint64_t Writer::end_with(std::size_t bytes) const {
  return active_->used_bytes.load(std::memory_order_relaxed) + sizeof(FrameHeader) + bytes;
}

Status Writer::make_room(std::size_t bytes) {
  if (in_reserve_ && keeper_.has_spare()) in_reserve_ = false;  // there is room for another segment again
  if (in_reserve_) {
    return {StatusCode::kDiskFull,
            fmt::format("{}: the disk is full: what room is left is kept for deletes and compaction",
                        state_.directory)};
  }
  if (!fits(bytes)) {
    slow_down();
    // Unless an errand has gone on meanwhile.
    if (!fits(bytes)) MINIKV_TRY(go_on_for(bytes));
  }
  if (leaves_reserve(bytes)) return {};
  const std::uint64_t end = end_with(bytes);
  const std::uint64_t used = active_->used_bytes.load(std::memory_order_relaxed);
  const std::uint64_t more = end - std::clamp(own_bytes_, used, end);
  if (keeper_.may_grow_log(more + kPlentySegments * state_.options.segment_size)) {
    plenty_until_ = std::chrono::steady_clock::now() + kPlentyHolds;
    return {};
  }
  return keeper_.may_grow_log(more) ? Status() : keeper_.wait_until_spare_is_there();
}

Status Writer::go_on_for(std::size_t bytes) {
  const std::uint64_t size = state_.options.segment_size;
  const std::uint64_t used = active_->used_bytes.load(std::memory_order_relaxed);
  MINIKV_TRY(settle_failed_write());
  make_room_for_segment();
  auto spare = keeper_.take_spare();
  // The spare is not ready: the segment grows a little, so that nobody waits for a moment.
  const bool can_grow = active_->id() != kNoSegment && used < size + size / 4;
  if (spare && !*spare && (!can_grow || !keeper_.may_grow_log(bytes))) {
    spare = keeper_.wait_for_spare();
  }
  if (!spare) return spare.status();
  if (*spare) go_on_in(std::move(*spare));
  return {};
}

// Whether deletes will still find room, however full the disk is by then.
bool Writer::leaves_reserve(std::size_t bytes) const {
  const std::uint64_t end = end_with(bytes);
  if (end + reserved_bytes_ <= own_bytes_) return true;
  // The keeper may well be slower than the writer; the disk need not be asked each time.
  if (end <= own_bytes_ && std::chrono::steady_clock::now() < plenty_until_) return true;
  return keeper_.has_spare();
}

// Never for long: what compaction can't do for a while (no room, an error) must not keep anybody from writing. Its errands
// are run meanwhile; it could not get on without.
void Writer::slow_down() {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + kLongestBrake;
  while (is_behind_ && is_behind_() && steady_clock::now() < deadline) {
    if (run_errand()) continue;
    MutexLock lock(mutex_);
    if (first_errand_ == nullptr)
      wake_.wait_until(mutex_, std::min(deadline, steady_clock::now() + kBrakePause));
  }
}

// To be called before one is taken for go_on_in().
void Writer::make_room_for_segment() {
  ExclusiveGuard guard(state_.lock);
  state_.segments.reserve_one();
}

void Writer::go_on_in(std::shared_ptr<Segment> next) {
  RetiredSegment full = active();
  // Nothing but times: the next one goes on all the same with the sequence behind the last that was given.
  if (full.max_seq == 0) full.min_seq = full.max_seq = next_sequence_ - 1;
  {
    ExclusiveGuard guard(state_.lock);
    state_.segments.emplace(static_cast<std::uint32_t>(next->id()), next);
  }
  keeper_.retire(full, next);
  active_ = std::move(next);
  note_own_bytes();
  active_min_seq_ = active_max_seq_ = 0;
}

void Writer::note_own_bytes() {
  const auto size = active_->file().size();
  own_bytes_ = size ? *size : 0;
  reserved_bytes_ = keeper_.reserved_bytes();
}

Status Writer::rotate() {
  if (active_max_seq_ == 0) return {};
  if (keeper_.is_disk_tight()) {
    return {StatusCode::kDiskFull, "the disk is full: the spare segment is kept for deletes and compaction"};
  }
  MINIKV_TRY(settle_failed_write());
  make_room_for_segment();
  auto spare = keeper_.wait_for_spare();
  if (!spare) return spare.status();
  go_on_in(std::move(*spare));
  return {};
}

}  // namespace minikv::engine
