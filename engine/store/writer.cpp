#include "engine/store/writer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

namespace minikv::engine {
namespace {

constexpr std::uint64_t kGroupBytes = 4 * kMiB;  // a group is closed when it has this many
constexpr std::uint64_t kBytesHere =
    256 * 1024;  // what an event loop may commit at once takes about a millisecond

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

// ---- in the place of the writer's thread ----

bool Writer::can_commit_here(std::span<WriteTask* const> tasks, std::uint64_t bytes, CommitHere here) const {
  if (here == CommitHere::kNo || state_.options.single_threaded) return false;
  const bool is_idle = !is_taken_ && waits_until_ != kForItsPlace && !fetching_ && !is_something_due();
  if (!is_idle || in_reserve_ || !fits(bytes)) return false;
  if (here == CommitHere::kYes) return true;
  return state_.options.fsync != Fsync::kAlways && bytes <= kBytesHere &&
         !keeper_.may_hold_up(next_sequence_) &&
         std::none_of(tasks.begin(), tasks.end(), [](const WriteTask* task) { return task->takes_long(); });
}

bool Writer::commit_here(std::span<WriteTask* const> tasks) {
  waiting_.insert(waiting_.end(), tasks.begin(), tasks.end());
  commit_group();
  const bool are_done = waiting_.empty();  // otherwise a reader brings a value that is needed
  bool is_wanted = false;
  {
    MutexLock lock(mutex_);
    is_taken_ = false;
    is_wanted = waits_until_ == kForItsPlace || is_something_due();
    if (!is_wanted) {
      const auto deadline = next_deadline();
      is_wanted = deadline && *deadline < waits_until_;
    }
  }
  if (is_wanted) wake_.notify_one();
  return are_done;
}

// ---- the writer's thread ----

void Writer::drain_if_single_threaded() {
  if (!state_.options.single_threaded || draining_) return;
  draining_ = true;
  for (;;) {
    bool is_over = false;
    {
      MutexLock lock(mutex_);
      waiting_.insert(waiting_.end(), queue_.begin(), queue_.end());
      queue_.clear();
      is_over = stopped_;
    }
    if (!waiting_.empty()) {
      commit_group();
    } else if (is_over || !housekeeping_.run_slice()) {
      break;
    }
  }
  draining_ = false;
}

Status Writer::run_on_writer(const std::function<void()>& work) {
  if (state_.options.single_threaded) {
    work();
    return {};
  }
  Errand errand{work};
  MutexLock lock(mutex_);
  if (stopping_ && stopped_) return {StatusCode::kShutdown, "the store is closing"};
  errands_.push_back(&errand);
  wake_.notify_one();
  while (!errand.done) errand_done_.wait(mutex_);
  if (errand.refused) return {StatusCode::kShutdown, "the store is closing"};
  return {};
}

bool Writer::run_errand() {
  Errand* errand = nullptr;
  {
    MutexLock lock(mutex_);
    if (errands_.empty()) return false;
    errand = errands_.front();
    errands_.pop_front();
  }
  errand->work();
  MutexLock lock(mutex_);
  errand->done = true;
  errand_done_.notify_all();
  return true;
}

void Writer::run() {
  // By this thread: when it starts, somebody may have taken its place already.
  bool has_taken = false;
  for (;;) {
    bool idle = false, fetching = false;
    {
      MutexLock lock(mutex_);
      if (has_taken) is_taken_ = false;
      wait_for_work();
      has_taken = is_taken_ = true;
      fetching = fetching_;
      waiting_.insert(waiting_.end(), queue_.begin(), queue_.end());
      queue_.clear();
      idle = waiting_.empty() && errands_.empty();
      if (idle && stopping_) {
        is_taken_ = false;
        return;
      }
    }
    while (run_errand()) {
    }
    if (!waiting_.empty() && !fetching) {
      commit_group();
    } else if (idle) {
      append_watermark();
    }
    housekeeping_.run_slice();
  }
}

// Until there is something to do, or the time has come for what is done without being asked for; and nobody has taken its
// place.
void Writer::wait_for_work() {
  while (is_taken_ || !is_something_due()) {
    if (is_taken_) {
      waits_until_ = kForItsPlace;
      wake_.wait(mutex_);
      continue;
    }
    const auto deadline = next_deadline();
    if (deadline && std::chrono::steady_clock::now() >= *deadline) break;
    waits_until_ = deadline.value_or(kForWork);
    if (deadline) {
      wake_.wait_until(mutex_, *deadline);
    } else {
      wake_.wait(mutex_);
    }
  }
  waits_until_ = kForWork;
}

std::optional<std::chrono::steady_clock::time_point> Writer::next_deadline() {
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (!fetching_ && wants_watermark()) deadline = watermark_due_;
  if (const auto due = housekeeping_.due_in_ms()) {
    const auto at =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max<std::int64_t>(*due, 0));
    deadline = deadline ? std::min(*deadline, at) : at;
  }
  return deadline;
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

// On a full disk the spare is the reserve. One task a group: those that add something are refused alone.
void Writer::commit_to_reserve(const Status& full) {
  const auto reserve = in_reserve_ ? active_ : keeper_.reserve();
  const auto& segment = reserve ? reserve : active_;
  group_.begin(segment, segment->used_bytes.load(std::memory_order_relaxed), next_sequence_,
               state_.clock.now_ms());
  execute_tasks(1, false);
  if (group_tasks_.empty()) return;
  Status status;
  if (group_.has_changes()) {
    const bool fits =
        reserve && segment->used_bytes.load(std::memory_order_relaxed) + group_.frame().bytes() <=
                       state_.options.segment_size;
    status = fits && group_.only_removes() ? Status() : full;
    if (status && !in_reserve_) {
      if (keeper_.take_reserve() == reserve) {
        go_on_in(reserve);
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
