#include "engine/store/writer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

namespace minikv::engine {
namespace {

constexpr std::uint64_t kGroupBytes = 4 * kMiB;  // a group is closed when it has this many

}  // namespace

Writer::Writer(SharedState& state, Keeper& keeper, ReaderPool& readers, std::shared_ptr<Segment> active,
               std::uint64_t next_sequence)
    : state_(state),
      keeper_(keeper),
      readers_(readers),
      group_(state),
      active_(std::move(active)),
      next_sequence_(next_sequence),
      last_time_ms_(state.clock.now_ms()),
      active_expiry_(state),
      range_sweep_(state) {
  note_own_bytes();
  housekeeping_.add(active_expiry_);
  housekeeping_.add(range_sweep_);
  housekeeping_.add(time_keeping_);
}

Writer::~Writer() { stop(); }

void Writer::start() {
  if (!state_.options.single_threaded) thread_ = std::thread([this] { run(); });
}

void Writer::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  drain_if_single_threaded();
  MutexLock lock(mutex_);
  stopped_ = true;
  for (Errand* errand : errands_) errand->refused = errand->done = true;
  errands_.clear();
  errand_done_.notify_all();
}

RetiredSegment Writer::active() const {
  return {active_, active_->used_bytes.load(std::memory_order_relaxed), active_min_seq_, active_max_seq_};
}

void Writer::on_group_done(std::function<void()> callback) { group_done_ = std::move(callback); }

bool Writer::submit(std::span<WriteTask* const> tasks, CommitHere here) {
  std::uint64_t bytes = 0;
  for (const WriteTask* task : tasks) bytes += task->bytes();
  bool refused = false, is_first = false, takes_place = false;
  {
    MutexLock lock(mutex_);
    refused = stopping_;
    if (!refused) {
      queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
      takes_place = can_commit_here(tasks, bytes, here);
      if (takes_place) {
        is_taken_ = true;
      } else {
        is_first = queue_.empty();
        queue_.insert(queue_.end(), tasks.begin(), tasks.end());
      }
    }
  }
  if (takes_place) return commit_here(tasks);
  // Without the lock, which the writer would only have to wait for again.
  if (is_first) wake_.notify_one();
  if (refused) {
    const Status status(StatusCode::kShutdown, "the store is closing");
    for (WriteTask* task : tasks) task->done(status);
    if (group_done_) group_done_();
    return false;
  }
  drain_if_single_threaded();
  return false;
}

// ---- a group ----

void Writer::commit_group() {
  std::size_t bytes = 0;
  for (const WriteTask* task : waiting_) {
    bytes += task->bytes();
    if (bytes > kGroupBytes) break;
  }
  // Asked once: it may become so meanwhile.
  const bool is_read_only = state_.health.is_read_only();
  Status status = is_read_only ? Status() : make_room(bytes);
  if (status.code() == StatusCode::kDiskFull) return commit_to_reserve(status);
  group_.begin(active_, active_->used_bytes.load(std::memory_order_relaxed), next_sequence_,
               state_.clock.now_ms());
  execute_tasks(std::numeric_limits<std::size_t>::max(), is_read_only);
  if (group_tasks_.empty()) return;  // the first one waits for a value that it needs
  if (is_read_only) {
    refuse_changes();
    return;
  }
  if (status && group_.has_changes()) status = append_group();
  finish_group(status);
  range_sweep_.note_group();
  keeper_.run_pending_if_single_threaded();
}

Status Writer::append_group() {
  if (state_.health.is_read_only()) return state_.health.refusal();
  MINIKV_TRY(keeper_.reserve_sequences(group_.next_sequence()));
  MINIKV_TRY(write_frame());
  MINIKV_TRY(sync_frame());
  publish();
  return {};
}

// On a full disk the spare is the reserve, or what the active segment has left. One task a group: those that add something
// are refused alone.
void Writer::commit_to_reserve(const Status& full) {
  const auto spare = in_reserve_ ? nullptr : keeper_.reserve();
  const auto& segment = spare ? spare : active_;
  group_.begin(segment, segment->used_bytes.load(std::memory_order_relaxed), next_sequence_,
               state_.clock.now_ms());
  execute_tasks(1, false);
  if (group_tasks_.empty()) return;
  Status status;
  if (group_.has_changes()) {
    const bool fits = segment->used_bytes.load(std::memory_order_relaxed) + group_.frame().bytes() <=
                      state_.options.segment_size;
    status = fits && group_.only_removes() ? Status() : full;
    if (status && spare) {
      if (keeper_.take_reserve() == spare) {
        go_on_in(spare);
        in_reserve_ = true;
      } else {
        status = full;
      }
    }
    if (status) status = append_group();
  }
  group_.end();
  finish_group(status);
  range_sweep_.note_group();
  keeper_.run_pending_if_single_threaded();
}

// `up_to_a_change`: the first task that changes something is the last one.
void Writer::execute_tasks(std::size_t limit, bool up_to_a_change) {
  group_tasks_.clear();
  while (!waiting_.empty() && group_tasks_.size() < limit) {
    WriteTask* task = waiting_.front();
    // What a task really adds may be more than it said: append to a large value, for one.
    const std::uint64_t after = group_.frame().bytes() + task->bytes();
    if (!group_tasks_.empty() && (after > kGroupBytes || group_.frame().bytes() > kGroupBytes)) break;
    if (!has_old_values(*task)) break;
    waiting_.pop_front();
    group_tasks_.push_back(task);
    group_.begin_task(task->old_values());
    task->execute(group_);
    group_.end_task();
    if (group_.has_range() || (up_to_a_change && group_.has_changes())) break;
  }
}

// A read-only store still answers tasks that change nothing. Each task that would have changed something ends the
// group, so that none sees what never came to be.
void Writer::refuse_changes() {
  const Status refusal = state_.health.refusal();
  for (std::size_t i = 0; i < group_tasks_.size(); ++i) {
    const bool changed = group_.has_changes() && i + 1 == group_tasks_.size();
    queued_bytes_.fetch_sub(group_tasks_[i]->bytes(), std::memory_order_relaxed);
    group_tasks_[i]->done(changed ? refusal : Status());
  }
  group_tasks_.clear();
  if (group_done_) group_done_();
}

Status Writer::write_frame() {
  FrameHeader header{};
  header.first_sequence = next_sequence_;
  header.engine_time_ms = group_.now_ms();
  header.watermark = state_.durable_sequence.load(std::memory_order_acquire);
  const std::uint64_t offset = active_->used_bytes.load(std::memory_order_relaxed);
  if (Status written = active_->file().write(offset, group_.frame().finish(header)); !written) {
    // Cut back to the last good frame, so that nothing of this one is ever taken for the log's.
    if (Status cut = active_->file().truncate(offset); !cut) fail(cut);
    state_.log.error("a group of {} records was refused: {}", group_.frame().record_count(),
                     written.message());
    return written;
  }
  state_.warm_pages.touch(active_->marks(), offset, group_.frame().bytes());
  last_watermark_ = header.watermark;
  last_time_ms_ = header.engine_time_ms;
  put_off_watermark();
  active_->used_bytes.store(offset + group_.frame().bytes(), std::memory_order_relaxed);
  if (active_min_seq_ == 0) active_min_seq_ = next_sequence_;
  next_sequence_ = group_.next_sequence();
  active_max_seq_ = next_sequence_ - 1;
  state_.written_sequence.store(next_sequence_ - 1, std::memory_order_release);
  return {};
}

Status Writer::sync_frame() {
  if (state_.options.fsync != Fsync::kAlways) {
    if (state_.options.fsync == Fsync::kNever) return {};
    keeper_.note_unsynced();
    return keeper_.wait_while_sync_is_late();
  }
  if (Status synced = active_->file().sync(); !synced) {
    fail(synced);
    return synced;
  }
  state_.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  SharedState::raise(state_.durable_sequence, next_sequence_ - 1);
  return {};
}

void Writer::finish_group(const Status& status) {
  state_.counters.groups.fetch_add(1, std::memory_order_relaxed);
  for (WriteTask* task : group_tasks_) {
    queued_bytes_.fetch_sub(task->bytes(), std::memory_order_relaxed);
    task->done(status);
  }
  group_tasks_.clear();
  if (group_done_) group_done_();
}

void Writer::fail(const Status& status) {
  state_.log.error("the store is read-only until it is restarted: {}", status.message());
  state_.health.fail(status);
}

}  // namespace minikv::engine
