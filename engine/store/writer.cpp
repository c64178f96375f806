#include "engine/store/writer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

constexpr std::uint64_t kGroupBytes = 4 * kMiB;  // a group is closed when it has this many

Status zero_out(File& file, std::uint64_t begin, std::uint64_t end) {
  static constexpr char kZeros[64 * 1024] = {};
  while (begin < end) {
    const std::string_view piece(
        kZeros, static_cast<std::size_t>(std::min<std::uint64_t>(sizeof(kZeros), end - begin)));
    MINIKV_TRY(file.write(begin, std::array{piece}));
    begin += piece.size();
  }
  return {};
}

Status index_full(std::uint64_t limit) {
  return {
      StatusCode::kOutOfMemory,
      fmt::format(
          "the keys take all of the memory that they may, {} bytes (max_index_memory): nothing was changed; "
          "delete some, or raise the setting",
          limit)};
}

}  // namespace

Writer::Writer(SharedState& state, Keeper& keeper, ReaderPool& readers, std::shared_ptr<Segment> active,
               std::uint64_t next_sequence)
    : state_(state),
      keeper_(keeper),
      readers_(readers),
      group_(state),
      publisher_(state),
      index_full_(index_full(state.options.max_index_bytes)),
      active_(std::move(active)),
      next_sequence_(next_sequence),
      last_time_ms_(state.clock.now_ms()),
      active_expiry_(state),
      range_sweep_(state),
      lead_keeping_(state, keeper),
      index_watch_(state) {
  note_own_bytes();
  housekeeping_.add(active_expiry_);
  housekeeping_.add(range_sweep_);
  housekeeping_.add(time_keeping_);
  housekeeping_.add(lead_keeping_);
  housekeeping_.add(index_watch_);
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
  for (; first_errand_ != nullptr; first_errand_ = first_errand_->next) {
    first_errand_->status = Status(StatusCode::kShutdown, "the store is closing");
    first_errand_->done = true;
  }
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
        queue_.push_back(tasks);
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

// Where there is no memory for so much as to begin with a group, its first task is answered with that.
void Writer::commit_group() {
  const MemoryReserve::Use use(&state_.reserve);
  try {
    try_to_commit_group();
  } catch (const std::bad_alloc&) {
    refuse_without_memory();
  }
}

void Writer::try_to_commit_group() {
  std::size_t bytes = 0;
  for (const WriteTask* task = &waiting_.front(); task != nullptr; task = TaskList::behind(*task)) {
    bytes += task->bytes();
    if (bytes > kGroupBytes) break;
  }
  // Asked once: it may become so meanwhile.
  const bool is_read_only = state_.health.is_read_only();
  Status status = is_read_only ? Status() : make_room(bytes);
  if (!status && !state_.health.is_read_only() && status.code() != StatusCode::kShutdown)
    return commit_to_reserve(status);
  group_.begin(active_, active_->used_bytes.load(std::memory_order_relaxed), next_sequence_,
               state_.clock.now());
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

// Nothing of it is acknowledged, or can be seen, before all of this is done.
Status Writer::append_group() {
  if (state_.health.is_read_only()) return state_.health.refusal();
  MINIKV_TRY(keeper_.reserve_sequences(group_.next_sequence()));
  MINIKV_TRY(publisher_.prepare(group_));
  Status done = write_frame();
  if (done) done = without_throwing([this] { return sync_frame(); });
  if (!done) {
    publisher_.drop(group_);
    return done;
  }
  if ((state_.full_disk.is_on() || state_.failing_writes.is_on()) && !group_.only_removes())
    keeper_.note_taken();
  publisher_.publish(group_);
  state_.counters.writes.fetch_add(group_.changes().size(), std::memory_order_relaxed);
  state_.visible_sequence.store(next_sequence_ - 1, std::memory_order_release);
  return {};
}

// On a full disk it is what the segment has left. Where it is something else that keeps the log from going on
// in another one (no inode, no descriptor), there is room to grow.
bool Writer::has_reserve(const Segment& segment, std::uint64_t bytes) const {
  const std::uint64_t size = state_.options.segment_size;
  const std::uint64_t end = segment.used_bytes.load(std::memory_order_relaxed) + bytes;
  return end <= size || (end <= 2 * size && keeper_.may_grow_log(bytes));
}

// On a full disk the spare is the reserve, or what the active segment has left. One task a group: those that add something
// are refused alone.
void Writer::commit_to_reserve(const Status& refusal) {
  const bool is_full = refusal.code() == StatusCode::kDiskFull;
  const auto spare = in_reserve_ || !is_full ? nullptr : keeper_.reserve();
  const auto& segment = spare ? spare : active_;
  group_.begin(segment, segment->used_bytes.load(std::memory_order_relaxed), next_sequence_,
               state_.clock.now());
  execute_tasks(1, false);
  if (group_tasks_.empty()) return;
  Status status;
  if (group_.has_changes()) {
    status = group_.only_removes() && has_reserve(*segment, group_.frame().bytes()) ? Status() : refusal;
    if (status && spare) status = go_on_in_reserve(spare, refusal);
    if (status) status = append_group();
  }
  finish_group(status);
  range_sweep_.note_group();
  keeper_.run_pending_if_single_threaded();
}

Status Writer::go_on_in_reserve(const std::shared_ptr<Segment>& spare, const Status& full) {
  try {
    MINIKV_TRY(settle_failed_write());
    make_room_for_segment();
    if (keeper_.take_reserve() != spare) return full;
    go_on_in(spare);
    in_reserve_ = true;
    return {};
  } catch (const std::bad_alloc&) {
    return no_memory_;
  }
}

// `up_to_a_change`: the first task that changes something is the last one.
void Writer::execute_tasks(std::size_t limit, bool up_to_a_change) {
  while (!waiting_.empty() && group_tasks_.size() < limit) {
    WriteTask& task = waiting_.front();
    // What a task really adds may be more than it said: append to a large value, for one.
    const std::uint64_t after = group_.frame().bytes() + task.bytes();
    if (!group_tasks_.empty() && (after > kGroupBytes || group_.frame().bytes() > kGroupBytes)) break;
    if (!make_ready(task)) break;
    group_tasks_.push_back(waiting_.pop_front());
    if (!TaskList::is_without_memory(task)) execute(task);
    if (group_.has_range() || (up_to_a_change && group_.has_changes())) break;
  }
}

// False: it waits for a value that it needs.
bool Writer::make_ready(WriteTask& task) {
  try {
    return has_old_values(task);
  } catch (const std::bad_alloc&) {
    TaskList::set_without_memory(task);
    return true;
  }
}

void Writer::execute(WriteTask& task) noexcept {
  try {
    group_.begin_task(task.old_values(), task.bytes());
    task.execute(group_);
    if (group_.passes_index_limit()) {
      group_.abort_task();
      TaskList::set_beyond_index_limit(task);
      return;
    }
    group_.end_task();
  } catch (const std::bad_alloc&) {
    group_.abort_task();
    TaskList::set_without_memory(task);
  } catch (const std::length_error&) {  // more than a container can hold: the same by another name
    group_.abort_task();
    TaskList::set_without_memory(task);
  }
}

// A read-only store still answers tasks that change nothing. Each task that would have changed something ends the
// group, so that none sees what never came to be.
void Writer::refuse_changes() {
  const Status refusal = state_.health.refusal();
  while (!group_tasks_.empty()) {
    WriteTask& task = group_tasks_.pop_front();
    const bool changed = group_.has_changes() && group_tasks_.empty();
    answer(task, changed ? refusal : Status());
  }
  group_.end();
  if (group_done_) group_done_();
}

// The group has not been begun, or not been executed: nothing of it is anywhere.
void Writer::refuse_without_memory() {
  if (group_tasks_.empty() && !waiting_.empty()) group_tasks_.push_back(waiting_.pop_front());
  finish_group(no_memory_);
}

Status Writer::write_at(std::uint64_t offset, const FrameHeader& header, bool& has_begun) {
  const auto& pieces = group_.frame().finish(header);
  has_begun = true;
  return active_->file().write(offset, pieces);
}

// Nothing of the frame that could not be written may ever be taken for the log's. Zeros take its place: what the file has is
// kept, which on a full disk is all there is.
Status Writer::undo_write(std::uint64_t offset, std::uint64_t end) {
  File& file = active_->file();
  if (zero_out(file, offset, std::min(end, own_bytes_)))
    return end > own_bytes_ ? file.truncate(std::max(offset, own_bytes_)) : Status();
  MINIKV_TRY(keeper_.allow_cut(active_->id(), offset));
  own_bytes_ = std::min(own_bytes_, offset);
  return file.truncate(offset);
}

// Before anything else is written, and before the log goes on in another segment. On a disk that is so full that it can't be
// done (where to overwrite takes room, too) it is tried again with each write, which is refused meanwhile.
Status Writer::settle_failed_write() {
  if (failed_end_ == 0) return {};
  const std::uint64_t offset = active_->used_bytes.load(std::memory_order_relaxed);
  Status undone = without_throwing([&] { return undo_write(offset, failed_end_); });
  if (undone) failed_end_ = 0;
  if (!undone && undone.code() != StatusCode::kDiskFull) fail(undone);
  return undone;
}

Status Writer::write_frame() {
  MINIKV_TRY(settle_failed_write());
  FrameHeader header{};
  header.first_sequence = next_sequence_;
  header.engine_time_ms = group_.now_ms();
  header.watermark = state_.durable_sequence.load(std::memory_order_acquire);
  const std::uint64_t offset = active_->used_bytes.load(std::memory_order_relaxed);
  bool has_begun = false;
  const Status written = without_throwing([&] { return write_at(offset, header, has_begun); });
  if (!written) {
    if (has_begun) failed_end_ = offset + group_.frame().bytes();
    (void)settle_failed_write();
    if (written.code() != StatusCode::kDiskFull) {  // which is told once
      state_.log.error("a group of {} records was refused: {}", group_.frame().record_count(),
                       written.message());
    }
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
  // Whatever it was that went wrong: what the disk holds is unknown.
  if (Status synced = without_throwing([&] { return active_->file().sync(); }); !synced) {
    fail(synced);
    return synced;
  }
  state_.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  state_.note_durable(next_sequence_ - 1);
  return {};
}

void Writer::finish_group(const Status& status) {
  group_.end();
  state_.counters.groups.fetch_add(1, std::memory_order_relaxed);
  while (!group_tasks_.empty()) answer(group_tasks_.pop_front(), status);
  if (group_done_) group_done_();
}

void Writer::answer(WriteTask& task, const Status& status) {
  queued_bytes_.fetch_sub(task.bytes(), std::memory_order_relaxed);
  const bool is_beyond_limit = TaskList::is_beyond_index_limit(task);
  const Status& answered = TaskList::is_without_memory(task) ? no_memory_
                           : is_beyond_limit                 ? index_full_
                                                             : status;
  if (is_beyond_limit) {
    state_.counters.refused_index_full.fetch_add(1, std::memory_order_relaxed);
    (void)state_.full_index.note_refused(state_.clock.steady_ms());
  } else if (!answered) {
    state_.counters.note_refused(answered.code());
    const bool is_told_elsewhere =
        answered.code() == StatusCode::kReadOnly || answered.code() == StatusCode::kShutdown;
    // What there was no memory for in a task says nothing of others.
    if (&answered == &status && !is_told_elsewhere) keeper_.note_refused(answered);
  }
  task.done(answered);
}

void Writer::fail(const Status& status) {
  state_.log.error("the store is read-only until it is restarted: {}", status.message());
  state_.health.fail(status);
}

}  // namespace minikv::engine
