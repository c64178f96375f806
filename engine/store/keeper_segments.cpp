// What the keeper does for segments: prepare the next, seal the full, install and unlink what compaction decides.

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>

#include "engine/format/hint.h"
#include "engine/store/keeper.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kSpareRetryMs = 1000;

}  // namespace

std::uint64_t Keeper::allocate_segment_id() {
  MutexLock lock(mutex_);
  return next_segment_id_++;
}

std::vector<ManifestSegment> Keeper::segments() const {
  MutexLock lock(mutex_);
  return manifest_.segments;
}

Status Keeper::create_segment_file(const SegmentIdentity& identity, SegmentKind kind, std::uint64_t size,
                                   const std::string& temporary_path, bool fill) {
  if (Status removed = state_.file_system.remove(temporary_path);
      !removed && removed.code() != StatusCode::kNotFound) {
    return removed;
  }
  auto file = state_.file_system.open(temporary_path, OpenMode::kCreate);
  if (!file) return file.status();
  const SegmentHeader header = make_segment_header(identity, kind, store_id_, state_.clock.now_ms());
  const std::string_view header_bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  MINIKV_TRY((*file)->write(0, std::array{header_bytes}));
  // Synced every few MiB, so that a writer's sync never waits for a large flush.
  constexpr std::uint64_t kPieceBytes = kMiB, kSyncEveryBytes = 8 * kMiB;
  if (fill) {
    const std::string zeros(static_cast<std::size_t>(std::min(size, kPieceBytes)), '\0');
    std::uint64_t offset = sizeof(header);
    while (offset < size) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - offset));
      MINIKV_TRY((*file)->write(offset, std::array{std::string_view(zeros).substr(0, piece)}));
      offset += piece;
      if (offset % kSyncEveryBytes < kPieceBytes) MINIKV_TRY((*file)->sync());
    }
  }
  return (*file)->sync();
}

void Keeper::go_without_spare(const Status& why) {
  {
    MutexLock lock(mutex_);
    // Once a second is often enough to try, and too often to tell.
    if (spare_failure_.message() != why.message()) state_.log.warn("no spare segment: {}", why.message());
    spare_failure_ = why;
    spare_retry_ms_ = state_.clock.steady_ms() + kSpareRetryMs;
  }
  if (why.code() == StatusCode::kDiskFull) tell_disk_tight();
}

Status Keeper::prepare_spare() {
  if (!unopened_spare_) MINIKV_TRY(create_spare());
  if (!unopened_spare_) return {};
  // No descriptor left, for one: the file is there, and is opened when there is one.
  auto segment = open_segment(state_.file_system, state_.path_of(unopened_spare_->id), OpenMode::kReadWrite,
                              *unopened_spare_, SegmentKind::kLog, log_map_bytes(state_.options));
  if (!segment) {
    go_without_spare(segment.status());
    return {};
  }
  unopened_spare_.reset();
  (*segment)->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);

  MutexLock lock(mutex_);
  spare_ = share_segment(std::move(*segment), state_.graveyard);
  spare_wanted_ = false;
  spare_failure_ = Status();
  return {};
}

Status Keeper::create_spare() {
  const std::uint64_t size = state_.options.segment_size;
  std::random_device random;
  const SegmentIdentity identity{allocate_segment_id(), std::uint64_t{random()} << 32 | random()};
  const std::string path = state_.path_of(identity.id);
  const std::string temporary = path + ".tmp";

  const auto free = state_.file_system.free_space(state_.directory);
  Status made =
      free && *free < size + kMiB
          ? Status(StatusCode::kDiskFull,
                   fmt::format("{}: the disk is full: there is no room for another segment of {} bytes",
                               state_.directory, size))
          : create_segment_file(identity, SegmentKind::kLog, size, temporary, true);
  // The manifest must not name what a power cut could take.
  if (made) made = state_.file_system.sync_dir(state_.directory);
  if (!made) {
    // Nobody depends on the file yet. The writer goes on in its segment, which grows meanwhile.
    (void)state_.file_system.remove(temporary);
    go_without_spare(made);
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
  MINIKV_TRY(commit(next));
  // Only a file under its final name is ever written to; one under the temporary name is blank.
  MINIKV_TRY(state_.file_system.rename(temporary, path));
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  unopened_spare_ = identity;
  return {};
}

bool Keeper::is_disk_tight() const {
  const auto free = state_.file_system.free_space(state_.directory);
  return free && *free < state_.options.segment_size + kMiB;
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
  }
  MutexLock lock(mutex_);
  spare_unwanted_ = false;
  spare_wanted_ = true;
  return {};
}

Result<std::shared_ptr<Segment>> Keeper::wait_for_spare() {
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
  MINIKV_TRY(
      wait_for([this]() MINIKV_REQUIRES(mutex_) { return spare_ != nullptr || !spare_failure_.is_ok(); }));
  if (!spare_) return spare_failure_;
  return std::exchange(spare_, nullptr);
}

void Keeper::retire(const RetiredSegment& full, std::shared_ptr<Segment> next) {
  MutexLock lock(mutex_);
  retired_.push_back(full);
  active_ = std::move(next);
  changed_.notify_all();
}

Status Keeper::seal(const RetiredSegment& retired) {
  File& file = retired.segment->file();
  MINIKV_TRY(file.sync());
  MINIKV_TRY(file.truncate(retired.used_bytes));
  MINIKV_TRY(file.sync());
  Manifest next = manifest_copy();
  ManifestSegment& entry = *next.find(retired.segment->id());
  entry.state = SegmentState::kSealed;
  entry.size = retired.used_bytes;
  entry.min_seq = retired.min_seq;
  entry.max_seq = retired.max_seq;
  {
    MutexLock lock(mutex_);
    const auto& successor = retired_.size() > 1 ? retired_[1].segment : active_;
    ManifestSegment& following = *next.find(successor->id());
    following.state = SegmentState::kActive;
    following.min_seq = retired.max_seq + 1;
  }
  MINIKV_TRY(commit(next));
  std::function<void(const ManifestSegment&)> sealed;
  {
    MutexLock lock(mutex_);
    retired_.pop_front();
    if (!spare_) spare_wanted_ = true;
    sealed = sealed_;
  }
  if (sealed) sealed(*next.find(retired.segment->id()));
  return {};
}

void Keeper::on_sealed(std::function<void(const ManifestSegment&)> callback) {
  MutexLock lock(mutex_);
  sealed_ = std::move(callback);
}

Status Keeper::wait_until_sealed() {
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  return wait_for([this]() MINIKV_REQUIRES(mutex_) { return retired_.empty(); });
}

// ---- compaction ----

Status Keeper::commit_compaction(const std::vector<ManifestSegment>& outputs,
                                 const std::vector<std::uint64_t>& inputs) {
  CompactionCommit request{outputs, inputs, false, {}};
  {
    MutexLock lock(mutex_);
    commits_.push_back(&request);
    changed_.notify_all();
  }
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  // Waited for whatever happens: the request lives on this stack.
  while (!request.done) changed_.wait(mutex_);
  return request.status;
}

Status Keeper::commit_now(CompactionCommit& request) {
  Status status = state_.health.is_read_only() ? state_.health.refusal() : Status();
  if (status) {
    Manifest next = manifest_copy();
    for (const std::uint64_t id : request.inputs) next.find(id)->state = SegmentState::kDropped;
    next.segments.insert(next.segments.end(), request.outputs.begin(), request.outputs.end());
    status = commit(next);
  }
  MutexLock lock(mutex_);
  commits_.pop_front();
  request.status = status;
  request.done = true;
  return status;
}

Status Keeper::remove_segment_files(std::uint64_t id) {
  for (const std::string& path : {state_.directory + "/" + hint_name(id), state_.path_of(id)}) {
    if (Status removed = state_.file_system.remove(path);
        !removed && removed.code() != StatusCode::kNotFound) {
      return removed;
    }
  }
  return {};
}

Status Keeper::sweep() {
  Manifest next = manifest_copy();
  bool any = false;
  for (const ManifestSegment& entry : next.segments) {
    if (entry.state != SegmentState::kDropped) continue;
    any = true;
    MINIKV_TRY(remove_segment_files(entry.id));
  }
  if (!any) return {};
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  std::erase_if(next.segments,
                [](const ManifestSegment& entry) { return entry.state == SegmentState::kDropped; });
  return commit(next);
}

Status Keeper::bury() {
  auto dead = state_.graveyard->take();
  Manifest next = manifest_copy();
  bool any = false;
  for (const auto& segment : dead) {
    const ManifestSegment* entry = next.find(segment->id());
    if (entry == nullptr || entry->state != SegmentState::kDropped) continue;
    any = true;
    MINIKV_TRY(remove_segment_files(segment->id()));
    std::erase_if(next.segments, [&](const ManifestSegment& other) { return other.id == segment->id(); });
  }
  dead.clear();
  if (!any) return {};
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  return commit(next);
}

}  // namespace minikv::engine
