// The way of a group, from top to bottom: taken from the queue, executed, appended, synced, published,
// answered.
#include "engine/commit/writer.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <new>
#include <stdexcept>

#include "engine/base/out_of_memory.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kGroupBytes = 4 * kMiB;  // a group is closed when it has this many
// Maximum that an event loop may commit itself: about a millisecond.
constexpr std::uint64_t kBytesHere = 256 * 1024;

// LogRoom takes the lock where it uses the table.
SegmentTable& segments_of(SharedState& state) MINIKV_NO_THREAD_SAFETY_ANALYSIS { return state.segments; }

}  // namespace

Writer::Writer(SharedState& state, Keeper& keeper, const OldValueLoader& old_values,
               std::shared_ptr<Segment> active, std::uint64_t next_sequence)
    : state_(state),
      keeper_(keeper),
      no_memory_(out_of_memory("carrying out the request")),
      index_full_(IndexBudget::refusal(state.options.max_index_bytes)),
      queue_(*this, state.reserve, state.options.single_threaded),
      old_values_(old_values, queue_),
      log_(state, keeper, std::move(active), next_sequence),
      room_(state.options, state.directory, state.lock, segments_of(state), keeper, log_, queue_),
      group_(state),
      publisher_(state),
      maintenance_(state, keeper, log_, room_) {}

Writer::~Writer() { stop(); }

void Writer::start() {
  assert(!thread_.joinable());
  if (!state_.options.single_threaded) thread_ = std::thread([this] { run(); });
}

void Writer::stop() {
  queue_.stop();
  if (thread_.joinable()) thread_.join();
  drain_if_single_threaded();
  queue_.refuse_calls();
}

RetiredSegment Writer::active() const {
  assert(queue_.has_stopped());
  return log_.active();
}

std::uint64_t Writer::next_sequence() const {
  assert(queue_.has_stopped());
  return log_.next_sequence();
}

// ---- which thread commits ----

bool Writer::submit(std::span<WriteTask* const> tasks, CommitHere here) {
  switch (queue_.submit(tasks, here)) {
    case WriterQueue::Submitted::kHere:
      queue_.taken().push_back(tasks);
      commit_group();
      // False: a reader reads an old value, or there are more tasks than a group takes.
      return queue_.end_turn();
    case WriterQueue::Submitted::kQueued: drain_if_single_threaded(); return false;
    case WriterQueue::Submitted::kRefused: refuse(tasks); return false;
  }
  return false;
}

bool Writer::may_commit_here(std::span<WriteTask* const> tasks, std::uint64_t bytes, CommitHere here) {
  if (!room_.has_room(bytes)) return false;
  if (here == CommitHere::kYes) return true;
  return state_.options.fsync != Fsync::kAlways && bytes <= kBytesHere &&
         !keeper_.may_hold_up(log_.next_sequence()) &&
         std::none_of(tasks.begin(), tasks.end(), [](const WriteTask* task) { return task->takes_long(); });
}

void Writer::refuse(std::span<WriteTask* const> tasks) {
  const Status status(StatusCode::kShutdown, "the store is closing");
  for (WriteTask* task : tasks) task->done(status);
  if (group_done_) group_done_();
}

// The writer's thread.
void Writer::run() {
  for (;;) {
    const WriterQueue::Turn turn = queue_.next_turn();
    if (turn.is_last) return;
    while (queue_.run_call()) {
    }
    if (!queue_.taken().empty() && !turn.is_reading) {
      commit_group();
    } else if (turn.is_idle) {
      maintenance_.run_when_idle();
    }
    (void)maintenance_.run_slice();
  }
}

std::optional<WriterQueue::TimePoint> Writer::next_deadline(bool is_reading) {
  return maintenance_.next_deadline(!is_reading);
}

void Writer::drain_if_single_threaded() {
  if (!state_.options.single_threaded || !queue_.begin_turn()) return;
  for (;;) {
    queue_.take_queued();
    if (!queue_.taken().empty()) {
      commit_group();
    } else if (queue_.has_stopped() || !maintenance_.run_slice()) {
      break;
    }
  }
  (void)queue_.end_turn();
}

// ---- a group: commit, execute ----

// If there is no memory even to begin a group, the writer answers its first task with that.
void Writer::commit_group() {
  const MemoryReserve::Use use(&state_.reserve);
  try {
    execute_group();
  } catch (const std::bad_alloc&) {
    refuse_without_memory();
  }
}

void Writer::execute_group() {
  std::size_t bytes = 0;
  for (const WriteTask* task = &queue_.taken().front(); task != nullptr; task = TaskList::behind(*task)) {
    bytes += task->bytes();
    if (bytes > kGroupBytes) break;
  }
  // Asked once, since the store may become read-only meanwhile.
  const bool is_read_only = state_.health.is_read_only();
  Status status = is_read_only ? Status() : room_.make_room(bytes);
  if (!status && !state_.health.is_read_only() && status.code() != StatusCode::kShutdown)
    return execute_in_reserve(status);
  begin_group(log_.segment());
  execute_tasks(std::numeric_limits<std::size_t>::max(), is_read_only);
  if (group_tasks_.empty()) return group_.end();  // the first one waits for a value that it needs
  if (is_read_only) return refuse_changes();
  if (status && group_.has_changes()) status = write_group();
  finish_group(status);
  note_group();
}

// There is room only for deletes. Each task is its own group, so that only tasks that add something are
// refused.
void Writer::execute_in_reserve(const Status& refusal) {
  const std::shared_ptr<Segment> segment = room_.reserve(refusal);
  begin_group(segment);
  execute_tasks(1, false);
  if (group_tasks_.empty()) return group_.end();
  Status status;
  if (group_.has_changes()) {
    const bool may_be_written =
        group_.changes().only_removes() && room_.reserve_fits(*segment, group_.frame().bytes());
    status = may_be_written ? room_.go_on_in_reserve(segment, refusal) : refusal;
    if (status) status = write_group();
  }
  finish_group(status);
  note_group();
}

void Writer::begin_group(const std::shared_ptr<Segment>& segment) {
  group_.begin(segment, log_.next_sequence(), state_.clock.now());
}

// `up_to_a_change`: the first task that changes something is the last one.
void Writer::execute_tasks(std::size_t limit, bool up_to_a_change) {
  TaskList& waiting = queue_.taken();
  while (!waiting.empty() && group_tasks_.size() < limit) {
    WriteTask& task = waiting.front();
    // A task may add more than it has announced, for example by an append to a large value.
    const std::uint64_t after = group_.frame().bytes() + task.bytes();
    if (!group_tasks_.empty() && (after > kGroupBytes || group_.frame().bytes() > kGroupBytes)) break;
    if (!make_ready(task)) break;
    group_tasks_.push_back(waiting.pop_front());
    if (!TaskList::is_without_memory(task)) execute(task);
    if (group_.has_range() || (up_to_a_change && group_.has_changes())) break;
  }
}

// False: the task waits for an old value.
bool Writer::make_ready(WriteTask& task) {
  try {
    return old_values_.has_all(task, group_);
  } catch (const std::bad_alloc&) {
    TaskList::set_without_memory(task);
    return true;
  }
}

void Writer::execute(WriteTask& task) noexcept {
  group_.begin_task(task.old_values(), task.bytes());
  try {
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

// ---- append, sync, publish ----

// The group is neither acknowledged nor visible before all of these steps are done.
Status Writer::write_group() {
  if (state_.health.is_read_only()) return state_.health.refusal();
  MINIKV_TRY(keeper_.reserve_sequences(group_.next_sequence()));
  MINIKV_TRY(publisher_.prepare(group_.changes()));
  assert(group_.segment() == log_.segment());
  Status done = log_.append(group_.frame(), group_.next_sequence(), group_.now_ms());
  if (done) done = without_throwing([this] { return log_.sync(); });
  if (!done) {
    publisher_.drop(group_.changes());
    return done;
  }
  if ((state_.full_disk.is_on() || state_.failing_writes.is_on()) && !group_.changes().only_removes())
    keeper_.refusal_watch().note_taken();
  publisher_.publish(group_.changes(), log_.next_sequence() - 1);
  return {};
}

// ---- finish ----

void Writer::finish_group(const Status& status) {
  if (group_.is_begun()) group_.end();
  state_.counters.groups.fetch_add(1, std::memory_order_relaxed);
  while (!group_tasks_.empty()) answer(group_tasks_.pop_front(), status);
  if (group_done_) group_done_();
}

// In single-threaded mode each group gives the rest of the store a turn.
void Writer::note_group() {
  maintenance_.note_group();
  keeper_.run_pending_if_single_threaded();
}

void Writer::answer(WriteTask& task, const Status& status) {
  queue_.note_answered(task);
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
    // Lack of memory in one task says nothing of the others.
    if (&answered == &status && !is_told_elsewhere) keeper_.refusal_watch().note_refused(answered);
  }
  task.done(answered);
}

// A read-only store still answers tasks that change nothing. Each task that would have changed something ends
// the group, so that no later task sees changes that were not made.
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

// The group was not begun or not written, so that nothing has to be undone.
void Writer::refuse_without_memory() {
  if (group_tasks_.empty() && !queue_.taken().empty()) group_tasks_.push_back(queue_.taken().pop_front());
  finish_group(no_memory_);
}

}  // namespace minikv::engine
