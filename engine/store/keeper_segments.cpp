// What the keeper does for segments: seal the full, install and unlink what compaction decides.

#include <algorithm>
#include <array>
#include <new>

#include "engine/base/out_of_memory.h"
#include "engine/format/file_names.h"
#include "engine/format/hint.h"
#include "engine/format/object_bytes.h"
#include "engine/store/gentle_file.h"
#include "engine/store/keeper.h"
#include "engine/store/missing_log.h"

namespace minikv::engine {

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
  MINIKV_TRY((*file)->write(0, std::array{bytes_of(header)}));
  if (fill) {
    constexpr std::uint64_t kZeroesBytes = kMiB;
    GentleFile gentle(**file, state_, [this] { return is_spare_urgent() ? Haste::kMost : Haste::kSome; });
    const std::string zeros(static_cast<std::size_t>(std::min(size, kZeroesBytes)), '\0');
    std::uint64_t offset = sizeof(header);
    while (offset < size) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - offset));
      MINIKV_TRY(gentle.write(offset, std::array{std::string_view(zeros).substr(0, piece)}));
      offset += piece;
      MINIKV_TRY(sync_if_due());
    }
  }
  return (*file)->sync();
}

// In the midst of a long job: `interval` promises to lose no more than an interval and a sync take.
Status Keeper::sync_if_due() {
  {
    MutexLock lock(mutex_);
    if (!sync_is_due()) return {};
  }
  Status synced = sync_log();
  if (!synced) fail(synced);
  MutexLock lock(mutex_);
  changed_.notify_all();
  return synced;
}

// The writer's segment is half full, or there is none yet; or somebody waits for the keeper's next job.
bool Keeper::is_spare_urgent() const {
  MutexLock lock(mutex_);
  return !active_ || !commits_.empty() || sequences_wanted_ || sync_is_due() || stopping_ ||
         active_->used_bytes.load(std::memory_order_relaxed) > state_.options.segment_size / 2;
}

void Keeper::retire(const RetiredSegment& full, std::shared_ptr<Segment> next) {
  MutexLock lock(mutex_);
  retired_.push_back(full);
  active_ = std::move(next);
  changed_.notify_all();
}

// The manifest says it before the file is cut: what is shorter than it says was cut by somebody else.
Status Keeper::seal(const RetiredSegment& retired) {
  File& file = retired.segment->file();
  MINIKV_TRY(file.sync());
  Manifest next = manifest_copy();
  const bool is_missing = retired.segment->id() == kNoSegment;
  if (!is_missing) {
    ManifestSegment& entry = *next.find(retired.segment->id());
    entry.state = SegmentState::kSealed;
    entry.size = retired.used_bytes;
    entry.min_seq = retired.min_seq;
    entry.max_seq = retired.max_seq;
  }
  {
    MutexLock lock(mutex_);
    const auto& successor = retired_.size() > 1 ? retired_[1].segment : active_;
    ManifestSegment& following = *next.find(successor->id());
    following.state = SegmentState::kActive;
    following.min_seq = retired.max_seq + 1;
  }
  MINIKV_TRY(commit(next));
  is_log_missing_ = false;
  if (!is_missing) {
    MINIKV_TRY(cut(file, retired.segment->path(), retired.used_bytes));
    retired.segment->file().settle();
  }
  std::function<void(const ManifestSegment&)> sealed;
  {
    MutexLock lock(mutex_);
    retired_.pop_front();
    if (!spare_) spare_wanted_ = true;
    sealed = sealed_;
  }
  if (sealed && !is_missing) sealed(*next.find(retired.segment->id()));
  return {};
}

// The manifest allows it. Nothing depends on it: what could not be cut now, the next start cuts.
Status Keeper::cut(File& file, const std::string& path, std::uint64_t bytes) {
  if (Status done = file.truncate(bytes); !done) {
    state_.log.warn("{}: could not be cut to the {} bytes that count; the next start tries again: {}", path,
                    bytes, done.message());
    return {};
  }
  return file.sync();
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
  try {
    run_pending_if_single_threaded();
  } catch (const std::bad_alloc&) {
    give_up_waiting(out_of_memory("a commit of the manifest"));
  }
  MutexLock lock(mutex_);
  // Waited for whatever happens: the request lives on this stack.
  while (!request.done) changed_.wait(mutex_);
  return request.status;
}

Status Keeper::commit_now(CompactionCommit& request) {
  Status status = state_.health.is_read_only() ? state_.health.refusal() : Status();
  bool lacked_room = false;
  if (status) {
    Manifest next = manifest_copy();
    for (const std::uint64_t id : request.inputs) next.find(id)->state = SegmentState::kDropped;
    next.segments.insert(next.segments.end(), request.outputs.begin(), request.outputs.end());
    status = commit(next);
    lacked_room = file_.lacked_room();
  }
  MutexLock lock(mutex_);
  commits_.pop_front();
  request.status = status;
  request.done = true;
  // There was no room to say so: the compaction is given up, and the store is as it was.
  return lacked_room ? Status() : status;
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

Status Keeper::settle(const std::vector<Overlong>& overlong) {
  Manifest next = manifest_copy();
  const auto is_dropped = [](const ManifestSegment& entry) { return entry.state == SegmentState::kDropped; };
  const bool has_dropped = std::any_of(next.segments.begin(), next.segments.end(), is_dropped);
  if (overlong.empty() && !has_dropped) return {};
  Status committed = commit(next);
  if (committed.code() == StatusCode::kDiskFull) {
    state_.log.warn("{}: what the last run has left takes room until the next start: {}", state_.directory,
                    committed.message());
    return {};
  }
  MINIKV_TRY(std::move(committed));
  for (const Overlong& segment : overlong) {
    const std::string path = state_.path_of(segment.segment_id);
    auto file = state_.file_system.open(path, OpenMode::kReadWrite);
    if (!file) return file.status();
    MINIKV_TRY(cut(**file, path, segment.bytes));
  }
  return has_dropped ? sweep() : Status();
}

// Unlinks the files that the durable manifest has dropped. The next commit says that they are gone.
Status Keeper::sweep() {
  std::vector<std::uint64_t> dropped;
  for (const ManifestSegment& entry : segments()) {
    if (entry.state == SegmentState::kDropped) dropped.push_back(entry.id);
  }
  for (const std::uint64_t id : dropped) MINIKV_TRY(remove_segment_files(id));
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  MutexLock lock(mutex_);
  std::erase_if(manifest_.segments,
                [](const ManifestSegment& entry) { return entry.state == SegmentState::kDropped; });
  return {};
}

Status Keeper::bury() { return bury(state_.graveyard->take()); }

// Each that gives back its space has a descriptor: the others wait until it is their turn.
Status Keeper::bury_some() {
  bool is_stopping = false;
  {
    MutexLock lock(mutex_);
    is_stopping = stopping_;
  }
  if (is_stopping) return bury();
  auto dead = state_.graveyard->take();
  const std::size_t room = kMostDying - std::min(release_.count(), kMostDying);
  while (dead.size() > room) {
    state_.graveyard->add(std::move(dead.back()));
    dead.pop_back();
  }
  return bury(std::move(dead));
}

Status Keeper::bury(std::vector<std::unique_ptr<Segment>> dead) {
  try {
    return unlink_and_release(dead);
  } catch (const std::bad_alloc&) {
    // What is not closed yet comes again.
    for (auto& segment : dead) {
      if (segment) state_.graveyard->add(std::move(segment));
    }
    throw;
  }
}

Status Keeper::unlink_and_release(std::vector<std::unique_ptr<Segment>>& dead) {
  // Closing a file that has no name any more gives its space back, all at once.
  const bool has_time = !state_.options.single_threaded && !is_disk_tight();
  Manifest next = manifest_copy();
  bool any = false;
  for (const auto& segment : dead) {
    const ManifestSegment* entry = next.find(segment->id());
    if (entry == nullptr || entry->state != SegmentState::kDropped) continue;
    any = true;
    // By its name, while it has one. Without a descriptor for it, its space is given back at once.
    if (has_time) (void)segment->file().hold();
    MINIKV_TRY(remove_segment_files(segment->id()));
    std::erase_if(next.segments, [&](const ManifestSegment& other) { return other.id == segment->id(); });
  }
  if (!has_time) dead.clear();
  if (!any) return {};
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  MINIKV_TRY(commit(next));
  release_.add(std::move(dead));
  return {};
}

}  // namespace minikv::engine
