// The spare: the segment that is ready before the writer needs it, and the reserve of a full disk.

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "engine/format/file_names.h"
#include "engine/store/keeper.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kReservedPart = 4;
constexpr std::int64_t kSpareRetryMs = 1000, kLookEveryMs = 1000;
// Less than makes a disk tight: the reserve is there again after a compaction that worked in its room and gained little.
constexpr std::uint64_t kLeftOverBytes = 64 * 1024;
// What a log for deletes alone is tried with, and the least that is of any use.
constexpr std::uint64_t kSmallLogBytes = 16 * 1024, kLeastLogBytes = 4096;
// A log that is all that the disk has room for leaves such a part of it to what else needs some; one for
// deletes alone leaves nothing, or each start would find less.
constexpr std::uint64_t kLeftOverPart = 32;

}  // namespace

void Keeper::go_without_spare(const Status& why) {
  {
    MutexLock lock(mutex_);
    // Once a second is often enough to try, and too often to tell.
    if (spare_failure_told_ != why.message()) state_.log.warn("no spare segment: {}", why.message());
    spare_failure_told_ = why.message();
    spare_failure_ = why;
    spare_retry_ms_ = state_.clock.steady_ms() + kSpareRetryMs;
  }
  if (why.code() == StatusCode::kDiskFull) tell_disk_tight();
}

StatusCode Keeper::spare_code() const {
  MutexLock lock(mutex_);
  return spare_failure_.code();
}

Status Keeper::prepare_spare() {
  if (!unopened_spare_) {
    Status made;
    MINIKV_TRY(create_spare(state_.options.segment_size, kLeftOverBytes, made));
    if (!made) go_without_spare(made);
    // A small one will do, so that somebody can delete.
    if (made.code() == StatusCode::kDiskFull && is_log_missing_) return prepare_small_spare(false);
  }
  return open_spare();
}

// As large as there is room for. Where there is hardly any, hints may go for it, which are only caches.
Status Keeper::prepare_small_spare(bool may_drop_hints) {
  do {
    const auto free = state_.file_system.free_space(state_.directory);
    // Later than at the start it is tried often, and so only where it may succeed.
    if (free && *free < kLeastLogBytes && !may_drop_hints) return {};
    const std::uint64_t least = std::min(kLeastLogBytes, state_.options.segment_size);
    std::uint64_t size = free ? *free : 0;
    if (size > reserved_bytes()) size -= size / kLeftOverPart;
    size = std::clamp(std::max(size, kSmallLogBytes), least, state_.options.segment_size);
    for (; size >= least; size -= size / 4) {
      Status made;
      MINIKV_TRY(create_spare(size, 0, made));
      if (made) return open_spare();
      if (made.code() == StatusCode::kDiskFull) continue;
      go_without_spare(made);
      return {};
    }
    if (!may_drop_hints) return {};
    auto dropped = drop_largest_hint();
    if (!dropped) return dropped.status();
    may_drop_hints = *dropped;
  } while (may_drop_hints);
  return {};
}

// False: there is none. Of a segment that was cut, its hint is all that knows the rest.
Result<bool> Keeper::drop_largest_hint() {
  auto names = state_.file_system.list(state_.directory);
  if (!names) return names.status();
  const Manifest manifest = manifest_copy();
  std::string largest;
  std::uint64_t most = 0;
  for (const std::string& name : *names) {
    const std::uint64_t id = parse_hint_name(name);
    if (id == 0) continue;
    if (const ManifestSegment* entry = manifest.find(id); entry != nullptr && entry->accepted_loss != 0)
      continue;
    auto file = state_.file_system.open(state_.directory + "/" + name, OpenMode::kRead);
    if (!file) continue;
    const auto size = (*file)->size();
    if (size && *size > most) {
      most = *size;
      largest = state_.directory + "/" + name;
    }
  }
  if (most == 0) return false;
  state_.log.warn(
      "{}: removed, to have room for deletes on a full disk; the next start reads the segment instead",
      largest);
  MINIKV_TRY(state_.file_system.remove(largest));
  return true;
}

Status Keeper::open_spare() {
  if (!unopened_spare_) return {};
  // No descriptor left, for one: the file is there, and is opened when there is one.
  auto segment = open_segment(*state_.open_files, state_.path_of(unopened_spare_->id), OpenMode::kReadWrite,
                              *unopened_spare_, SegmentKind::kLog, log_map_bytes(state_.options));
  if (!segment) {
    go_without_spare(segment.status());
    return {};
  }
  (*segment)->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);
  // Without memory for it, the segment goes to the graveyard, which wakes the keeper: not under its lock.
  auto shared = share_segment(std::move(*segment), state_.graveyard);
  unopened_spare_.reset();

  MutexLock lock(mutex_);
  spare_ = std::move(shared);
  spare_wanted_ = false;
  spare_failure_ = Status();
  spare_failure_told_.clear();
  return {};
}

// `left_over` bytes of room must remain; 0: nobody knows how much there is before it is tried.
Status Keeper::create_spare(std::uint64_t size, std::uint64_t left_over, Status& made) {
  std::random_device random;
  // Each write that is refused for want of a spare tries to have one: that takes no number.
  if (unused_id_ == 0) unused_id_ = allocate_segment_id();
  const SegmentIdentity identity{unused_id_, std::uint64_t{random()} << 32 | random()};
  const std::string path = state_.path_of(identity.id);
  const std::string temporary = path + std::string(kTemporarySuffix);

  auto free = state_.file_system.free_space(state_.directory);
  if (free && *free < size + left_over && release_.bytes() > 0) {
    release_.release_all();
    free = state_.file_system.free_space(state_.directory);
  }
  made = left_over > 0 && free && *free < size + left_over
             ? Status(StatusCode::kDiskFull,
                      fmt::format("{}: the disk is full: there is no room for another segment of {} bytes",
                                  state_.directory, size))
             : create_segment_file(identity, SegmentKind::kLog, size, temporary, true);
  // The manifest must not name what a power cut could take.
  if (made) made = state_.file_system.sync_dir(state_.directory);
  if (!made) {
    // Nobody depends on the file yet. The writer goes on in its segment, which grows meanwhile.
    (void)state_.file_system.remove(temporary);
    return {};
  }
  Manifest next = manifest_copy();
  ManifestSegment entry{};
  entry.id = identity.id;
  entry.salt = identity.salt;
  entry.size = size;
  entry.kind = SegmentKind::kLog;
  entry.state = SegmentState::kSpare;
  next.segments.push_back(entry);
  if (Status committed = commit(next); !committed) {
    if (!file_.lacked_room()) return committed;
    // The manifest wants the room that the file has taken.
    (void)state_.file_system.remove(temporary);
    made = std::move(committed);
    return {};
  }
  unused_id_ = 0;
  // Only a file under its final name is ever written to; one under the temporary name is blank.
  MINIKV_TRY(state_.file_system.rename(temporary, path));
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  unopened_spare_ = identity;
  return {};
}

Result<std::uint64_t> Keeper::free_space() const {
  auto free = state_.file_system.free_space(state_.directory);
  if (free) *free += release_.bytes();
  return free;
}

bool Keeper::is_disk_tight() const { return !may_grow_log(0); }

bool Keeper::may_grow_log(std::uint64_t bytes) const {
  const auto free = free_space();
  return !free || *free >= state_.options.segment_size + kMiB + bytes;
}

void Keeper::on_disk_tight(std::function<void()> callback) {
  MutexLock lock(mutex_);
  disk_tight_ = std::move(callback);
}

void Keeper::tell_disk_tight() {
  std::function<void()> tell;
  {
    MutexLock lock(mutex_);
    tell = disk_tight_;
  }
  if (tell) tell();
}

Result<std::shared_ptr<Segment>> Keeper::take_spare() {
  if (!has_spare()) return std::shared_ptr<Segment>();
  if (is_disk_tight()) {
    tell_disk_tight();
    return {StatusCode::kDiskFull,
            fmt::format("{}: the disk is full: what room is left is kept for deletes and compaction",
                        state_.directory)};
  }
  MutexLock lock(mutex_);
  return std::exchange(spare_, nullptr);
}

bool Keeper::has_spare() const {
  MutexLock lock(mutex_);
  return spare_ != nullptr;
}

std::shared_ptr<Segment> Keeper::reserve() const {
  MutexLock lock(mutex_);
  return spare_;
}

std::shared_ptr<Segment> Keeper::take_reserve() {
  MutexLock lock(mutex_);
  return std::exchange(spare_, nullptr);
}

Status Keeper::release_spare() {
  {
    MutexLock lock(mutex_);
    ++spare_holds_;
    spare_unwanted_ = spare_ != nullptr;
    changed_.notify_all();
  }
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  return wait_for([this]() MINIKV_REQUIRES(mutex_) { return !spare_unwanted_; });
}

void Keeper::allow_spare() {
  {
    MutexLock lock(mutex_);
    --spare_holds_;
    spare_wanted_ |= spare_ == nullptr;
    changed_.notify_all();
  }
  run_pending_if_single_threaded();
}

Status Keeper::drop_spare() {
  std::shared_ptr<Segment> spare;
  {
    MutexLock lock(mutex_);
    spare = std::exchange(spare_, nullptr);
  }
  if (spare) {
    Manifest next = manifest_copy();
    next.find(spare->id())->state = SegmentState::kDropped;
    MINIKV_TRY(commit(next));
    spare.reset();
    MINIKV_TRY(bury());
    release_.release_all();
  }
  MutexLock lock(mutex_);
  spare_unwanted_ = false;
  spare_wanted_ = true;
  return {};
}

Status Keeper::wait_until_spare_is_there() {
  {
    MutexLock lock(mutex_);
    if (!spare_) {
      spare_wanted_ = true;
      spare_failure_ = Status();
      spare_retry_ms_ = 0;
      changed_.notify_all();
    }
  }
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  // Not for as long as compaction has its room: compaction waits for the writer at its end.
  MINIKV_TRY(wait_for([this]() MINIKV_REQUIRES(mutex_) {
    return spare_ != nullptr || !spare_failure_.is_ok() || spare_holds_ > 0;
  }));
  if (spare_) return {};
  return spare_failure_.is_ok() ? compaction_has_the_room() : spare_failure_;
}

Result<std::shared_ptr<Segment>> Keeper::wait_for_spare() {
  MINIKV_TRY(wait_until_spare_is_there());
  auto spare = take_spare();
  if (spare && !*spare) return compaction_has_the_room();
  return spare;
}

// ---- a full disk, as it is told ----

DiskRoom Keeper::room() const {
  DiskRoom room;
  if (const auto free = free_space()) room.free_bytes = *free;
  MutexLock lock(mutex_);
  const Segment* const segment = spare_ ? spare_.get() : active_.get();
  const ManifestSegment* const entry = segment == nullptr ? nullptr : manifest_.find(segment->id());
  if (entry == nullptr) return room;
  room.reserve_bytes =
      entry->size - std::min(entry->size, segment->used_bytes.load(std::memory_order_relaxed));
  return room;
}

std::uint64_t Keeper::reserved_bytes() const {
  const std::uint64_t size = state_.options.segment_size;
  std::uint64_t room = 0;
  {
    MutexLock lock(mutex_);
    for (const ManifestSegment& entry : manifest_.segments) {
      if (room >= size) break;
      if (entry.state != SegmentState::kDropped) room += entry.size;
    }
  }
  if (room < size) {
    const auto free = free_space();
    room += free ? *free : size;
  }
  return std::min(room, size) / kReservedPart;
}

void Keeper::note_refused(const Status& why) {
  const std::int64_t now_ms = state_.clock.steady_ms();
  if (why.code() == StatusCode::kDiskFull) {
    if (!state_.full_disk.note_refused(now_ms)) return;
    const DiskRoom now = room();
    state_.log.warn(
        "{}: the disk is full: writes that take room are refused, reads and deletes go on; {} bytes are "
        "free, {} are kept for deletes and compaction ({})",
        state_.directory, now.free_bytes, now.reserve_bytes, why.message());
  } else {
    if (state_.health.is_read_only() || !state_.failing_writes.note_refused(now_ms, why)) return;
    state_.log.warn("{}: writes are refused, reads go on; it is tried again with each write: {}",
                    state_.directory, why.message());
  }
  MutexLock lock(mutex_);
  next_look_ms_ = now_ms + kLookEveryMs;
  changed_.notify_all();
}

void Keeper::note_taken() {
  if (state_.full_disk.is_on()) state_.full_disk.note_taken();
  if (state_.failing_writes.is_on()) state_.failing_writes.note_taken();
}

void Keeper::look_at_refusals() {
  const std::int64_t now_ms = state_.clock.steady_ms();
  if (const auto over = state_.failing_writes.look(now_ms, has_spare())) {
    state_.log.warn("{}: writes are taken again after {} s; {} were refused meanwhile", state_.directory,
                    over->duration_ms / 1000, over->refused);
  }
  if (const auto over = state_.full_disk.look(now_ms, !is_disk_tight())) {
    state_.log.warn(
        "{}: the disk has room again after {} s; {} writes were refused meanwhile, {} bytes are free",
        state_.directory, over->duration_ms / 1000, over->refused, room().free_bytes);
  }
  MutexLock lock(mutex_);
  next_look_ms_ = now_ms + kLookEveryMs;
}

Status Keeper::compaction_has_the_room() const {
  return {StatusCode::kDiskFull,
          fmt::format("{}: the disk is full: compaction works in what room is left", state_.directory)};
}

}  // namespace minikv::engine
