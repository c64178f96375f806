// What the writer does once a group is written: it becomes visible; and where the next one goes.

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "engine/store/writer.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kRecordsPerHold = 256;  // published while the readers wait
constexpr std::uint64_t kReservedPart = 4;    // without a spare, a fourth of a segment is the reserve
constexpr std::uint64_t kPlentySegments = 4;
constexpr auto kPlentyHolds = std::chrono::milliseconds(100);
constexpr auto kLongestBrake = std::chrono::milliseconds(500), kBrakePause = std::chrono::milliseconds(10);

}  // namespace

// ---- publishing ----

void Writer::publish() {
  const auto& changes = group_.changes();
  std::size_t next = 0, fetched = 0;
  std::array<std::string_view, Index::kMostAhead> keys;
  while (next < changes.size()) {
    ExclusiveGuard guard(state_.lock);
    // Whole batches: no reader sees half of one.
    for (std::size_t held = 0; next < changes.size(); ++held, ++next) {
      if (held >= kRecordsPerHold && changes[next - 1].ends_task) break;
      if (next == fetched && changes.size() - next > 1) {
        std::size_t count = 0;
        while (count < keys.size() && fetched < changes.size()) keys[count++] = changes[fetched++].key;
        state_.index.fetch_ahead(std::span(keys).first(count), [](const Place&) {});
      }
      apply(changes[next]);
    }
  }
  state_.counters.writes.fetch_add(changes.size(), std::memory_order_relaxed);
  state_.visible_sequence.store(next_sequence_ - 1, std::memory_order_release);
}

void Writer::apply(const Change& change) {
  if (change.range != nullptr) return apply(*change.range, change.newly_covered);
  const std::optional<Place> before =
      change.place.deleted ? state_.index.erase(change.key) : state_.index.put(change.key, change.place);
  if (before) state_.forget(change.key, *before);
  if (change.place.deleted) return;
  state_.segments.find(change.place.segment)
      ->second->live_bytes.fetch_add(record_bytes(change.key.size(), change.place.value_bytes),
                                     std::memory_order_relaxed);
  if (change.place.lost) state_.counters.lost_keys.fetch_add(1, std::memory_order_relaxed);
}

void Writer::apply(const RangeDelete& range, std::uint64_t newly_covered) {
  if (!range.is_everything()) {
    state_.ranges.add(range);
    state_.covered_keys += newly_covered;
    return;
  }
  auto old = std::make_shared<Index>();
  old->swap(state_.index);
  state_.ranges.clear();
  state_.covered_keys = 0;
  state_.counters.lost_keys.store(0, std::memory_order_relaxed);
  for (const auto& [id, segment] : state_.segments) segment->live_bytes.store(0, std::memory_order_relaxed);
  state_.background.add([old]() mutable { old.reset(); });  // freeing millions of keys takes a while
}

// ---- segments ----

bool Writer::fits(std::size_t bytes) const {
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
  auto spare = keeper_.take_spare();
  // The spare is not ready: the segment grows a little, so that nobody waits for a moment.
  if (spare && !*spare && (used >= size + size / 4 || !keeper_.may_grow_log(bytes))) {
    spare = keeper_.wait_for_spare();
  }
  if (!spare) return spare.status();
  if (*spare) go_on_in(std::move(*spare));
  return {};
}

// Whether deletes will still find room, however full the disk is by then.
bool Writer::leaves_reserve(std::size_t bytes) const {
  const std::uint64_t end = end_with(bytes);
  if (end <= own_bytes_ - own_bytes_ / kReservedPart) return true;
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
    if (errands_.empty()) wake_.wait_until(mutex_, std::min(deadline, steady_clock::now() + kBrakePause));
  }
}

void Writer::go_on_in(std::shared_ptr<Segment> next) {
  {
    ExclusiveGuard guard(state_.lock);
    state_.segments.emplace(static_cast<std::uint32_t>(next->id()), next);
  }
  RetiredSegment full = active();
  // Nothing but times: the next one goes on all the same with the sequence behind the last that was given.
  if (full.max_seq == 0) full.min_seq = full.max_seq = next_sequence_ - 1;
  keeper_.retire(full, next);
  active_ = std::move(next);
  note_own_bytes();
  active_min_seq_ = active_max_seq_ = 0;
}

void Writer::note_own_bytes() {
  const auto size = active_->file().size();
  own_bytes_ = size ? *size : 0;
}

Status Writer::rotate() {
  if (active_max_seq_ == 0) return {};
  if (keeper_.is_disk_tight()) {
    return {StatusCode::kDiskFull, "the disk is full: the spare segment is kept for deletes and compaction"};
  }
  auto spare = keeper_.wait_for_spare();
  if (!spare) return spare.status();
  go_on_in(std::move(*spare));
  return {};
}

}  // namespace minikv::engine
