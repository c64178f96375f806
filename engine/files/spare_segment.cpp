// The spare's way: the keeper makes it, the writer takes it, a compaction works in its room.
#include "engine/files/spare_segment.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace minikv::engine {
namespace {

constexpr std::int64_t kSpareRetryMs = 1000;
// Less than the room at which the disk is tight: so the reserve can be made again after a compaction that has
// worked in its room and gained little.
constexpr std::uint64_t kLeftOverBytes = 64 * 1024;

}  // namespace

SpareSegment::SpareSegment(StoreContext& context, KeeperMonitor& monitor, StoreManifest& manifest,
                           const LogSegments& log, DiskSpace& disk, SegmentRemover& remover,
                           LogSyncer& syncer, std::function<bool()> is_urgent)
    : context_(context),
      monitor_(monitor),
      manifest_(manifest),
      log_(log),
      disk_(disk),
      remover_(remover),
      maker_(context, manifest, disk, syncer, std::move(is_urgent)) {}

// ---- the writer takes it ----

bool SpareSegment::is_ready() const {
  MutexLock lock(monitor_.mutex());
  return segment_ != nullptr;
}

Result<std::shared_ptr<Segment>> SpareSegment::take() {
  const OneAtATime::Scope alone(writers_calls_);
  if (!is_ready()) return std::shared_ptr<Segment>();
  if (disk_.is_tight()) {
    disk_.tell_tight();
    return disk_full(context_.directory, kRoomIsKept);
  }
  MutexLock lock(monitor_.mutex());
  return std::exchange(segment_, nullptr);
}

std::shared_ptr<Segment> SpareSegment::reserve() const {
  MutexLock lock(monitor_.mutex());
  return segment_;
}

std::shared_ptr<Segment> SpareSegment::take_reserve() {
  const OneAtATime::Scope alone(writers_calls_);
  MutexLock lock(monitor_.mutex());
  return std::exchange(segment_, nullptr);
}

Status SpareSegment::wait_until_ready() {
  {
    MutexLock lock(monitor_.mutex());
    if (!segment_) {
      is_wanted_ = true;
      failure_ = Status();
      retry_ms_ = 0;
      monitor_.notify_all();
    }
  }
  monitor_.run_pending_if_single_threaded();
  MutexLock lock(monitor_.mutex());
  // The writer does not wait while compaction has the spare's room, since compaction waits for the writer at
  // its end.
  MINIKV_TRY(monitor_.wait_for([this]() MINIKV_REQUIRES(keeper_mutex) {
    return segment_ != nullptr || !failure_.is_ok() || holds_ > 0;
  }));
  if (segment_) return {};
  return failure_.is_ok() ? compaction_has_the_room() : failure_;
}

Result<std::shared_ptr<Segment>> SpareSegment::wait_and_take() {
  MINIKV_TRY(wait_until_ready());
  auto spare = take();
  if (spare && !*spare) return compaction_has_the_room();
  return spare;
}

Status SpareSegment::compaction_has_the_room() const {
  return disk_full(context_.directory, "compaction works in what room is left");
}

DiskRoom SpareSegment::room() const {
  DiskRoom room;
  if (const auto free = disk_.free_bytes()) room.free_bytes = *free;
  MutexLock lock(monitor_.mutex());
  const Segment* const segment = segment_ ? segment_.get() : log_.active();
  const ManifestSegment* const entry = segment == nullptr ? nullptr : manifest_.find(segment->id());
  if (entry == nullptr) return room;
  room.reserve_bytes =
      entry->size - std::min(entry->size, segment->used_bytes.load(std::memory_order_relaxed));
  return room;
}

// ---- compaction works in its room ----

Status SpareSegment::release() {
  {
    MutexLock lock(monitor_.mutex());
    ++holds_;
    is_unwanted_ = segment_ != nullptr;
    monitor_.notify_all();
  }
  monitor_.run_pending_if_single_threaded();
  MutexLock lock(monitor_.mutex());
  return monitor_.wait_for([this]() MINIKV_REQUIRES(keeper_mutex) { return !is_unwanted_; });
}

void SpareSegment::allow() {
  {
    MutexLock lock(monitor_.mutex());
    assert(holds_ > 0);
    --holds_;
    want_if_none();
    monitor_.notify_all();
  }
  monitor_.run_pending_if_single_threaded();
}

Status SpareSegment::drop() {
  const OneAtATime::Scope alone(keepers_calls_);
  std::shared_ptr<Segment> spare;
  {
    MutexLock lock(monitor_.mutex());
    spare = std::exchange(segment_, nullptr);
  }
  if (spare) {
    Manifest next = manifest_.copy();
    next.find(spare->id())->state = SegmentState::kDropped;
    MINIKV_TRY(manifest_.commit(next));
    spare.reset();
  }
  MINIKV_TRY(remover_.bury());
  MINIKV_TRY(remover_.unlink_all_dropped());
  disk_.release_all();
  MutexLock lock(monitor_.mutex());
  is_unwanted_ = false;
  is_wanted_ = true;
  return {};
}

// ---- the keeper makes it ----

std::optional<std::int64_t> SpareSegment::due_at_ms() const {
  if (!is_wanted_ || holds_ > 0) return std::nullopt;
  return retry_ms_;
}

bool SpareSegment::is_due() const {
  const auto at_ms = due_at_ms();
  return at_ms && !monitor_.is_stopping() && context_.clock.steady_ms() >= *at_ms;
}

void SpareSegment::give_up(const Status& why, std::int64_t retry_ms) {
  if (!due_at_ms()) return;
  failure_ = why;
  retry_ms_ = retry_ms;
}

void SpareSegment::go_without(const Status& why) {
  {
    MutexLock lock(monitor_.mutex());
    // The keeper tries once a second, which is too often to log.
    if (failure_told_ != why.message()) context_.log.warn("no spare segment: {}", why.message());
    failure_told_ = why.message();
    failure_ = why;
    retry_ms_ = context_.clock.steady_ms() + kSpareRetryMs;
  }
  if (why.code() == StatusCode::kDiskFull) disk_.tell_tight();
}

Result<std::shared_ptr<Segment>> SpareSegment::make_first(Status& full) {
  MINIKV_TRY(prepare());
  const auto failure = [this] {
    MutexLock lock(monitor_.mutex());
    return failure_;
  };
  const OneAtATime::Scope alone(keepers_calls_);
  full = failure();
  if (full.code() == StatusCode::kDiskFull) MINIKV_TRY(prepare_small(true));
  if (Status why = failure(); !why && why.code() != StatusCode::kDiskFull) return why;
  MutexLock lock(monitor_.mutex());
  return std::exchange(segment_, nullptr);
}

Status SpareSegment::prepare() {
  const OneAtATime::Scope alone(keepers_calls_);
  if (!maker_.has_unopened()) {
    Status made;
    MINIKV_TRY(maker_.create(context_.options.segment_size, kLeftOverBytes, made));
    if (!made) go_without(made);
    bool is_log_missing = false;
    {
      MutexLock lock(monitor_.mutex());
      is_log_missing = log_.is_missing();
    }
    // A small spare is enough for deleting keys.
    if (made.code() == StatusCode::kDiskFull && is_log_missing) return prepare_small(false);
  }
  return open();
}

Status SpareSegment::prepare_small(bool may_drop_hints) {
  Status made;
  MINIKV_TRY(maker_.create_small(may_drop_hints, made));
  if (!made && made.code() != StatusCode::kDiskFull) go_without(made);
  return open();
}

Status SpareSegment::open() {
  if (!maker_.has_unopened()) return {};
  // Opening may fail, for example for want of a descriptor. The file stays, and is opened later.
  auto segment = maker_.open();
  if (!segment) {
    go_without(segment.status());
    return {};
  }
  MutexLock lock(monitor_.mutex());
  segment_ = std::move(*segment);
  is_wanted_ = false;
  failure_ = Status();
  failure_told_.clear();
  return {};
}

}  // namespace minikv::engine
