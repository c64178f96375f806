// The keeper's jobs for the log's segments and the manifest: how they are requested, and how they are done.

#include <algorithm>
#include <new>

#include "engine/base/out_of_memory.h"
#include "engine/files/keeper.h"

namespace minikv::engine {

// ---- seals ----

void Keeper::retire(const RetiredSegment& full, std::shared_ptr<Segment> next) {
  const OneAtATime::Scope alone(writers_calls_);
  MutexLock lock(monitor_.mutex());
  log_.retire(full, std::move(next));
  monitor_.notify_all();
}

Status Keeper::wait_until_sealed() {
  monitor_.run_pending_if_single_threaded();
  MutexLock lock(monitor_.mutex());
  return monitor_.wait_for([this]() MINIKV_REQUIRES(keeper_mutex) { return !log_.has_retired(); });
}

Status Keeper::seal_oldest() {
  RetiredSegment retired;
  {
    MutexLock lock(monitor_.mutex());
    retired = log_.oldest_retired();
  }
  return seal(retired);
}

// The manifest records the seal before the file is cut. So a file that is shorter than the manifest says was
// cut by something else.
Status Keeper::seal(const RetiredSegment& retired) {
  File& file = retired.segment->file();
  MINIKV_TRY(file.sync());
  Manifest next = manifest_.copy();
  const bool is_missing = retired.segment->id() == kNoSegment;
  if (!is_missing) {
    ManifestSegment& entry = *next.find(retired.segment->id());
    entry.state = SegmentState::kSealed;
    entry.size = retired.used_bytes;
    entry.min_seq = retired.min_seq;
    entry.max_seq = retired.max_seq;
  }
  {
    MutexLock lock(monitor_.mutex());
    ManifestSegment& following = *next.find(log_.behind_oldest_retired().id());
    following.state = SegmentState::kActive;
    following.min_seq = retired.max_seq + 1;
  }
  MINIKV_TRY(manifest_.commit(next));
  if (!is_missing) {
    MINIKV_TRY(cut(file, retired.segment->path(), retired.used_bytes));
    retired.segment->file().allow_closing();
  }
  {
    MutexLock lock(monitor_.mutex());
    log_.note_sealed();
    spare_.want_if_none();
  }
  if (sealed_ && !is_missing) sealed_(*next.find(retired.segment->id()));
  return {};
}

// Seals the log at a clean close. A log without records is not sealed: it is dropped or, on a full disk, kept
// as the next start's spare.
Status Keeper::seal_last(const RetiredSegment& last, std::uint64_t next_sequence) {
  Manifest next = manifest_.copy();
  next.clean_sequence = next_sequence;
  ManifestSegment* const entry = next.find(last.segment->id());
  if (entry == nullptr) return manifest_.commit(next);  // there was no room for a log
  File& file = last.segment->file();
  MINIKV_TRY(file.sync());
  context_.note_durable(last.max_seq);
  // On a full disk the log keeps its remaining room for the next start: other programs could take it
  // otherwise.
  const bool keeps_room = !spare_.is_ready() && disk_.is_tight();
  const bool is_blank = last.used_bytes == sizeof(SegmentHeader);
  if (last.max_seq == 0 && (is_blank || !keeps_room)) {
    entry->state = keeps_room ? SegmentState::kSpare : SegmentState::kDropped;
    entry->min_seq = 0;
    MINIKV_TRY(manifest_.commit(next));
    // The segment does not belong to the store any more; the next start would unlink it, too.
    if (keeps_room) return {};
    MINIKV_TRY(remover_.remove_files(last.segment->id()));
    return context_.file_system.sync_dir(context_.directory);
  }
  entry->state = SegmentState::kSealed;
  entry->size = last.used_bytes;
  entry->min_seq = last.max_seq == 0 ? next_sequence - 1 : last.min_seq;
  entry->max_seq = last.max_seq == 0 ? next_sequence - 1 : last.max_seq;
  const ManifestSegment sealed_as = *entry;
  MINIKV_TRY(manifest_.commit(next));
  if (!keeps_room) MINIKV_TRY(cut(file, last.segment->path(), last.used_bytes));
  if (sealed_) sealed_(sealed_as);
  return {};
}

// Cuts a file, as the manifest allows. Nothing depends on the cut, and the next start tries a failed one
// again.
Status Keeper::cut(File& file, const std::string& path, std::uint64_t bytes) {
  if (Status done = file.truncate(bytes); !done) {
    context_.log.warn("{}: could not be cut to the {} bytes that count; the next start tries again: {}", path,
                      bytes, done.message());
    return {};
  }
  return file.sync();
}

// ---- sequences ----

Status Keeper::reserve_sequences(std::uint64_t end) {
  const OneAtATime::Scope alone(writers_calls_);
  const std::uint64_t limit = seq_limit_.load(std::memory_order_acquire);
  if (end + kSequenceBlock / 2 > limit) {
    MutexLock lock(monitor_.mutex());
    are_sequences_wanted_ = true;
    monitor_.notify_all();
  }
  if (end <= limit) return {};
  monitor_.run_pending_if_single_threaded();
  MutexLock lock(monitor_.mutex());
  return monitor_.wait_for([&] { return end <= seq_limit_.load(std::memory_order_acquire); });
}

Status Keeper::raise_seq_limit() {
  Manifest next = manifest_.copy();
  next.seq_limit += kSequenceBlock;
  MINIKV_TRY(manifest_.commit(next));
  seq_limit_.store(next.seq_limit, std::memory_order_release);
  MutexLock lock(monitor_.mutex());
  are_sequences_wanted_ = false;
  return {};
}

bool Keeper::may_hold_up(std::uint64_t next_sequence) const {
  if (next_sequence + kSequenceBlock / 4 > seq_limit_.load(std::memory_order_acquire)) return true;
  return syncer_.may_hold_up();
}

// ---- what the manifest is to say for the writer ----

Status Keeper::allow_cut(SegmentId id, std::uint64_t bytes) {
  const auto is_allowed = [&]() MINIKV_REQUIRES(keeper_mutex) {
    const ManifestSegment* const entry = manifest_.find(id);
    return entry == nullptr || entry->size <= bytes;
  };
  {
    MutexLock lock(monitor_.mutex());
    if (is_allowed()) return {};
    cut_wanted_ = {id, bytes};
    cut_failure_ = Status();
    monitor_.notify_all();
  }
  monitor_.run_pending_if_single_threaded();
  MutexLock lock(monitor_.mutex());
  MINIKV_TRY(
      monitor_.wait_for([&]() MINIKV_REQUIRES(keeper_mutex) { return is_allowed() || !cut_failure_; }));
  return cut_failure_;
}

Status Keeper::record_cut() {
  Manifest next = manifest_.copy();
  {
    MutexLock lock(monitor_.mutex());
    if (ManifestSegment* const entry = next.find(cut_wanted_.segment_id))
      entry->size = std::min(entry->size, cut_wanted_.bytes);
  }
  Status committed = manifest_.commit(next);
  MutexLock lock(monitor_.mutex());
  cut_wanted_ = {};
  if (committed.code() != StatusCode::kDiskFull) return committed;
  cut_failure_ = std::move(committed);  // the manifest is as it was
  return {};
}

void Keeper::note_time() {
  {
    MutexLock lock(monitor_.mutex());
    is_time_wanted_ = true;
    monitor_.notify_all();
  }
  monitor_.run_pending_if_single_threaded();
}

Status Keeper::record_time() {
  Manifest next = manifest_.copy();
  const Status committed = manifest_.commit(next);
  MutexLock lock(monitor_.mutex());
  is_time_wanted_ = false;
  return committed.code() == StatusCode::kDiskFull ? Status() : committed;
}

// ---- dropped segments ----

Status Keeper::unlink_dropped() {
  bool is_keeping_over = false;
  {
    MutexLock lock(monitor_.mutex());
    is_keeping_over = disk_.is_keeping_over();
  }
  return remover_.unlink_dropped(is_keeping_over, disk_.room_to_give_back());
}

// ---- compaction ----

Status Keeper::commit_compaction(const std::vector<ManifestSegment>& outputs,
                                 const std::vector<SegmentId>& inputs) {
  CompactionCommit request{outputs, inputs, false, {}};
  {
    MutexLock lock(monitor_.mutex());
    commits_.push_back(&request);
    monitor_.notify_all();
  }
  try {
    monitor_.run_pending_if_single_threaded();
  } catch (const std::bad_alloc&) {
    give_up_waiting(out_of_memory("a commit of the manifest"));
  }
  MutexLock lock(monitor_.mutex());
  // The caller waits whatever happens, since the request lives on its stack.
  while (!request.done) monitor_.wait();
  return request.status;
}

Status Keeper::commit_oldest() {
  CompactionCommit* request = nullptr;
  {
    MutexLock lock(monitor_.mutex());
    request = commits_.front();
  }
  Status status = context_.health.is_read_only() ? context_.health.refusal() : Status();
  bool lacked_room = false;
  if (status) {
    Manifest next = manifest_.copy();
    for (const SegmentId id : request->inputs) next.find(id)->state = SegmentState::kDropped;
    next.segments.insert(next.segments.end(), request->outputs.begin(), request->outputs.end());
    status = manifest_.commit(next);
    lacked_room = manifest_.lacked_room();
  }
  MutexLock lock(monitor_.mutex());
  commits_.pop_front();
  request->status = status;
  request->done = true;
  // Without room for the new manifest the compaction is given up, and the store is as it was.
  return lacked_room ? Status() : status;
}

}  // namespace minikv::engine
