// The writer: the one place where the log is appended to, the index changed and sequence numbers handed out, by one thread at
// a time.
//
// It takes all that is queued as one group, appends it as one frame, syncs once, and only then makes it visible and
// answers. While it syncs, the event loops keep parsing and the next group gathers: the slower the disk, the larger the
// groups, so that throughput does not fall with it. For this it has a thread. But where there is nothing to wait for, to wake
// that thread and be woken by it costs more than the write: whoever comes while the writer is idle takes its place for
// one group.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>

#include "engine/base/out_of_memory.h"
#include "engine/base/thread_annotations.h"
#include "engine/store/active_expiry.h"
#include "engine/store/group.h"
#include "engine/store/housekeeping.h"
#include "engine/store/index_watch.h"
#include "engine/store/keeper.h"
#include "engine/store/lead_keeping.h"
#include "engine/store/publisher.h"
#include "engine/store/range_sweep.h"
#include "engine/store/reader_pool.h"
#include "engine/store/state.h"
#include "engine/store/task_list.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// Whether the thread that submits tasks may commit them.
enum class CommitHere : std::uint8_t {
  kNo,
  kIfQuick,  // if there is nothing to wait for: neither a sync nor room, nor a task that takes long
  kYes,      // it would wait for its tasks in any case
};

// Thread safety: submit(), is_saturated() and run_on_writer() may be called from any thread; start() and stop() once.
class Writer {
 public:
  Writer(SharedState& state, Keeper& keeper, ReaderPool& readers, std::shared_ptr<Segment> active,
         std::uint64_t next_sequence);
  ~Writer();

  void start();
  // Answers what was submitted before, then ends the thread. What is submitted later is answered with kShutdown.
  void stop();
  // After stop(): what the log ends with.
  RetiredSegment active() const;
  std::uint64_t next_sequence() const { return next_sequence_; }

  // True: all are done, by this thread.
  bool submit(std::span<WriteTask* const> tasks, CommitHere here);
  bool is_saturated() const {
    return queued_bytes_.load(std::memory_order_relaxed) > state_.options.max_queue_bytes;
  }
  void on_group_done(std::function<void()> callback);
  // If writes outrun compaction, they are slowed: asked on the writer's thread before it goes on in another segment. Set
  // before the first submit().
  void slow_down_while(std::function<bool()> is_behind) { is_behind_ = std::move(is_behind); }

  // Runs `work` on the writer's thread, between two groups, and waits for it. kShutdown if it was not run.
  Status run_on_writer(const std::function<void()>& work);
  // For run_on_writer(): goes on in the next segment if this one has any records, waiting for a spare if need be.
  Status rotate();

 private:
  // On the stack of who waits for it.
  struct Errand {
    const std::function<void()>& work;
    Errand* next = nullptr;
    bool done = false;
    Status status;
  };

  // Engine time goes into the log once a second while keys with expiry exist, also without traffic: at most so much of it
  // is lost in a crash, and a key that had expired stays expired.
  class TimeKeeping final : public Chore {
   public:
    explicit TimeKeeping(Writer& writer) : writer_(writer) {}
    std::optional<std::int64_t> due_in_ms() override;
    void run_slice() override { writer_.append_time(); }

   private:
    Writer& writer_;
  };

  // Of waits_until_: for whoever took its place to have done.
  static constexpr auto kForItsPlace = std::chrono::steady_clock::time_point::min();
  static constexpr auto kForWork = std::chrono::steady_clock::time_point::max();

  void run();
  void run(Errand& errand) noexcept;
  void wait_for_work() MINIKV_REQUIRES(mutex_);
  std::optional<std::chrono::steady_clock::time_point> next_deadline() MINIKV_REQUIRES(mutex_);
  bool can_commit_here(std::span<WriteTask* const> tasks, std::uint64_t bytes, CommitHere here) const
      MINIKV_REQUIRES(mutex_);
  bool commit_here(std::span<WriteTask* const> tasks) MINIKV_EXCLUDES(mutex_);
  // While a reader brings what the first waiting task needs, no other is executed: they may be its connection's.
  bool is_something_due() const MINIKV_REQUIRES(mutex_) {
    return first_errand_ != nullptr || (!fetching_ && (!waiting_.empty() || !queue_.empty() || stopping_));
  }
  void drain_if_single_threaded();
  bool run_errand();
  void commit_group();
  void try_to_commit_group();
  bool has_old_values(WriteTask& task);  // engine/store/read_ahead.cpp
  void set_fetching(bool fetching) MINIKV_EXCLUDES(mutex_);
  bool make_ready(WriteTask& task);
  void execute(WriteTask& task) noexcept;
  void execute_tasks(std::size_t limit, bool up_to_a_change);
  Status write_at(std::uint64_t offset, const FrameHeader& header, bool& has_begun);
  Status undo_write(std::uint64_t offset, std::uint64_t end);
  Status settle_failed_write();
  Status write_frame();
  Status sync_frame();
  void finish_group(const Status& status);
  void answer(WriteTask& task, const Status& status);
  void refuse_without_memory();
  bool run_housekeeping();
  template <typename Work>
  bool run_if_there_is_memory(Work work) noexcept;
  void refuse_changes();

  // An error: only deletes are taken now.
  Status make_room(std::size_t bytes);
  bool fits(std::size_t bytes) const;
  // Where the active segment would end.
  std::uint64_t end_with(std::size_t bytes) const;
  bool leaves_reserve(std::size_t bytes) const;
  Status go_on_for(std::size_t bytes);
  void note_own_bytes();
  void slow_down() MINIKV_EXCLUDES(mutex_);
  bool has_reserve(const Segment& segment, std::uint64_t bytes) const;
  void commit_to_reserve(const Status& refusal);
  Status go_on_in_reserve(const std::shared_ptr<Segment>& spare, const Status& full);
  void make_room_for_segment();
  Status append_group();
  void go_on_in(std::shared_ptr<Segment> next);
  bool wants_watermark() const;
  void put_off_watermark();
  void append_watermark();
  void append_time();
  void fail(const Status& status);

  SharedState& state_;
  Keeper& keeper_;
  ReaderPool& readers_;
  std::thread thread_;

  mutable Mutex mutex_;
  CondVar wake_;
  TaskList queue_ MINIKV_GUARDED_BY(mutex_);
  Errand* first_errand_ MINIKV_GUARDED_BY(mutex_) = nullptr;
  Errand* last_errand_ MINIKV_GUARDED_BY(mutex_) = nullptr;  // while there is a first one
  CondVar errand_done_;
  bool is_taken_ MINIKV_GUARDED_BY(mutex_) = false;  // by the thread that is the writer at the moment
  // While the writer's thread waits: until when, unless it is woken.
  std::chrono::steady_clock::time_point waits_until_ MINIKV_GUARDED_BY(mutex_) = kForWork;
  bool stopping_ MINIKV_GUARDED_BY(mutex_) = false;
  bool stopped_ MINIKV_GUARDED_BY(mutex_) = false;
  bool fetching_ MINIKV_GUARDED_BY(mutex_) = false;  // a reader brings what the first waiting task needs
  bool draining_ = false;                            // single-threaded mode
  std::atomic<std::uint64_t> queued_bytes_{0};
  std::function<void()> group_done_;
  std::function<bool()> is_behind_;

  // Whoever is the writer's own.
  TaskList waiting_;  // taken from the queue, not yet executed
  TaskList group_tasks_;
  Group group_;
  Publisher publisher_;
  // Told where there is no memory to say more; made while there is.
  std::chrono::steady_clock::time_point retry_at_ =
      {};  // the store's own work, for which there was no memory
  const Status no_memory_ = out_of_memory("carrying out the request");
  const Status index_full_;
  std::shared_ptr<Segment> active_;
  std::uint64_t failed_end_ = 0;      // of a write that failed and is not undone yet; 0: there is none
  std::uint64_t reserved_bytes_ = 0;  // of the active segment, for deletes, as long as there is no spare
  std::uint64_t own_bytes_ = 0;  // of the disk, that the active segment had before anything was written to it
  std::chrono::steady_clock::time_point plenty_until_ = {};  // of room on the disk
  std::uint64_t active_min_seq_ = 0, active_max_seq_ = 0;
  std::uint64_t next_sequence_;
  std::uint64_t last_watermark_ = 0;                          // of the newest frame
  std::chrono::steady_clock::time_point watermark_due_ = {};  // while wants_watermark()
  std::int64_t last_time_ms_;                                 // of the newest frame
  bool in_reserve_ = false;  // the disk is full, and the active segment is for deletes alone
  ActiveExpiry active_expiry_;
  RangeSweep range_sweep_;
  TimeKeeping time_keeping_{*this};
  LeadKeeping lead_keeping_;
  IndexWatch index_watch_;
  Housekeeping housekeeping_;
};

}  // namespace minikv::engine
