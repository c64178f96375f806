// The writer: the only component that appends to the log, changes the index and hands out sequence numbers,
// on one thread at a time.
//
// Group commit: the writer takes all queued tasks as one group, appends them as one frame and syncs once.
// Only then does it make the group visible and answer. While the writer syncs, the event loops keep parsing
// and the next group gathers. A slower disk makes larger groups, so that throughput does not fall with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "engine/commit/group.h"
#include "engine/commit/log_room.h"
#include "engine/commit/log_writer.h"
#include "engine/commit/maintenance.h"
#include "engine/commit/old_value_gate.h"
#include "engine/commit/publisher.h"
#include "engine/commit/task_list.h"
#include "engine/commit/writer_queue.h"
#include "engine/core/old_value_loader.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// Thread safety: submit(), is_saturated() and run_on_writer() may be called from any thread; start() once,
// and before them; stop() by one thread at a time.
class Writer final : private WriterQueue::Owner {
 public:
  // `state`, `keeper` and `old_values` must outlive it. The log goes on in `active`, and its next record gets
  // `next_sequence`.
  Writer(SharedState& state, Keeper& keeper, const OldValueLoader& old_values,
         std::shared_ptr<Segment> active, std::uint64_t next_sequence);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void start();
  // Answers the tasks that were submitted before, then ends the thread. Later tasks are answered with
  // kShutdown.
  void stop();
  // After stop(): the last segment of the log, and the sequence behind its last record.
  RetiredSegment active() const;
  std::uint64_t next_sequence() const;

  // True: the calling thread has done all of the tasks.
  bool submit(std::span<WriteTask* const> tasks, CommitHere here);
  bool is_saturated() const { return queue_.is_over(state_.options.max_queue_bytes); }
  // The writer calls `callback` after the last done() of each group. To be set before the first submit().
  void on_group_done(std::function<void()> callback) { group_done_ = std::move(callback); }
  // Slows writes that outrun compaction: the writer asks `is_behind` before the log goes on in another
  // segment. To be set while nothing is being committed.
  void slow_down_while(std::function<bool()> is_behind) { room_.slow_down_while(std::move(is_behind)); }

  // Runs `work` on the writer's thread, between two groups, and waits for it. kShutdown if it was not run,
  // kOutOfMemory if it threw std::bad_alloc.
  Status run_on_writer(const std::function<void()>& work) { return queue_.run_on_writer(work); }
  // For run_on_writer(): goes on in the next segment if this one has any records, waiting for a spare if need
  // be.
  Status rotate() { return room_.rotate(); }

 private:
  // WriterQueue::Owner
  bool may_commit_here(std::span<WriteTask* const> tasks, std::uint64_t bytes, CommitHere here) override;
  std::optional<WriterQueue::TimePoint> next_deadline(bool is_reading) override;

  void run();
  void drain_if_single_threaded();
  void refuse(std::span<WriteTask* const> tasks);

  void commit_group();
  void execute_group();
  void execute_in_reserve(const Status& refusal);
  void begin_group(const std::shared_ptr<Segment>& segment);
  void execute_tasks(std::size_t limit, bool up_to_a_change);
  bool make_ready(WriteTask& task);
  void execute(WriteTask& task) noexcept;
  Status write_group();
  void finish_group(const Status& status);
  void note_group();
  void answer(WriteTask& task, const Status& status);
  void refuse_changes();
  void refuse_without_memory();

  SharedState& state_;
  Keeper& keeper_;
  // Answers for where there is no memory to make one.
  const Status no_memory_;
  const Status index_full_;
  WriterQueue queue_;
  OldValueGate old_values_;
  LogWriter log_;
  LogRoom room_;
  Group group_;
  TaskList group_tasks_;
  Publisher publisher_;
  Maintenance maintenance_;
  std::function<void()> group_done_;
  std::thread thread_;
};

}  // namespace minikv::engine
