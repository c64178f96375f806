// The writer's queue, and which thread acts as the writer.
//
// The writer has a thread, so that the event loops go on while it syncs. But where there is nothing to wait
// for, waking that thread and being woken by it costs more than the write. So a thread that submits tasks
// while the writer is idle acts as the writer for one group.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "engine/base/memory_reserve.h"
#include "engine/base/thread_annotations.h"
#include "engine/commit/task_list.h"
#include "minikv/status.h"

namespace minikv::engine {

// Whether the thread that submits tasks may commit them.
enum class CommitHere : std::uint8_t {
  kNo,
  kIfQuick,  // if there is nothing to wait for: neither a sync nor room, nor a task that takes long
  kYes,      // the thread waits for its tasks in any case
};

// Only one thread at a time acts as the writer. The writer's own thread does between next_turn() and its next
// call, a submitting thread between submit() and end_turn(). In single-threaded mode the only thread does
// between begin_turn() and end_turn().
//
// Thread safety: submit(), run_on_writer(), is_over(), note_answered() and stop() may be called from any
// thread, the others as their comments say.
class WriterQueue {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // What the queue asks the writer, while no thread acts as the writer, and with the queue's lock held.
  class Owner {
   public:
    // Whether the submitting thread may commit the tasks, of `bytes` in all, with no more waiting than `here`
    // allows.
    virtual bool may_commit_here(std::span<WriteTask* const> tasks, std::uint64_t bytes, CommitHere here) = 0;
    // When the writer's maintenance is due; nothing: not before something was written. `is_reading`: a reader
    // reads an old value of the first task.
    virtual std::optional<TimePoint> next_deadline(bool is_reading) = 0;

   protected:
    ~Owner() = default;
  };

  // Both must outlive it.
  WriterQueue(Owner& owner, MemoryReserve& reserve, bool is_single_threaded)
      : owner_(owner), reserve_(reserve), is_single_threaded_(is_single_threaded) {}
  ~WriterQueue();
  WriterQueue(const WriterQueue&) = delete;
  WriterQueue& operator=(const WriterQueue&) = delete;

  // ---- for any thread ----

  enum class Submitted : std::uint8_t {
    kRefused,  // after stop()
    kQueued,
    kHere,  // the calling thread acts as the writer until end_turn(), and commits the tasks itself
  };
  Submitted submit(std::span<WriteTask* const> tasks, CommitHere here) MINIKV_EXCLUDES(mutex_);
  // Whether more than `bytes` are queued and not answered yet.
  bool is_over(std::uint64_t bytes) const { return queued_bytes_.load(std::memory_order_relaxed) > bytes; }
  // A task that was submitted, kRefused aside, is about to be answered.
  void note_answered(const WriteTask& task);

  // Runs `work` on the thread that acts as the writer, between two groups, and waits for it. kShutdown if it
  // was not run, kOutOfMemory if it threw std::bad_alloc.
  Status run_on_writer(const std::function<void()>& work) MINIKV_EXCLUDES(mutex_);

  // From then on submit() refuses tasks, and next_turn() ends the writer's thread when nothing is left to do.
  void stop() MINIKV_EXCLUDES(mutex_);
  // After stop(), and when the writer's thread has ended: refuses the calls that were not run, and all later
  // ones.
  void refuse_calls() MINIKV_EXCLUDES(mutex_);
  bool has_stopped() const MINIKV_EXCLUDES(mutex_);

  // ---- for the thread that acts as the writer ----

  // Tasks that were taken from the queue and not yet executed.
  TaskList& taken() { return taken_; }
  // Runs one of the calls that wait. False: there is none.
  bool run_call() MINIKV_EXCLUDES(mutex_);
  // Waits until there is a call, or until `deadline` at most; may return before.
  void wait_for_call(TimePoint deadline) MINIKV_EXCLUDES(mutex_);
  // Between these calls a reader reads an old value of the first task. No task may be executed meanwhile,
  // since later ones may be of the same connection. end_reading() may be called by any thread.
  void begin_reading() MINIKV_EXCLUDES(mutex_);
  void end_reading() MINIKV_EXCLUDES(mutex_);

  // What the writer's thread has to do.
  struct Turn {
    bool is_last = false;     // nothing: the thread is to end, and does not act as the writer any more
    bool is_idle = false;     // neither tasks nor calls
    bool is_reading = false;  // no task may be executed
  };
  // For the writer's thread alone. Ends its turn. Waits until there is something to do or maintenance is due,
  // and until no other thread acts as the writer. Then takes the queued tasks.
  Turn next_turn() MINIKV_EXCLUDES(mutex_);

  // For the thread to which submit() has returned kHere. True: none of the taken tasks is left.
  bool end_turn() MINIKV_EXCLUDES(mutex_);

  // In single-threaded mode. False: the thread acts as the writer already, further up its stack. Otherwise
  // the caller has to call end_turn().
  bool begin_turn() MINIKV_EXCLUDES(mutex_);
  void take_queued() MINIKV_EXCLUDES(mutex_);

 private:
  // A call of run_on_writer(), on the stack of the thread that waits for it.
  struct Call {
    const std::function<void()>& work;
    Call* next = nullptr;
    bool done = false;
    Status status;
  };
  enum class Acting : std::uint8_t { kNone, kWritersThread, kOtherThread };

  // Values of waits_until_.
  static constexpr TimePoint kForItsTurn = TimePoint::min();  // until the other thread has done
  static constexpr TimePoint kForWork = TimePoint::max();

  bool is_something_due() const MINIKV_REQUIRES(mutex_) {
    return first_call_ != nullptr || (!reading_ && (!taken_.empty() || !queue_.empty() || stopping_));
  }
  bool is_idle() const MINIKV_REQUIRES(mutex_) {
    return acting_ == Acting::kNone && waits_until_ != kForItsTurn && !reading_ && !is_something_due();
  }
  void wait_for_work() MINIKV_REQUIRES(mutex_);
  void run(Call& call) noexcept;

  Owner& owner_;
  MemoryReserve& reserve_;
  const bool is_single_threaded_;

  mutable Mutex mutex_;
  CondVar wake_;
  TaskList queue_ MINIKV_GUARDED_BY(mutex_);
  Call* first_call_ MINIKV_GUARDED_BY(mutex_) = nullptr;
  Call* last_call_ MINIKV_GUARDED_BY(mutex_) = nullptr;  // while there is a first one
  CondVar call_done_;
  Acting acting_ MINIKV_GUARDED_BY(mutex_) = Acting::kNone;
  // While the writer's thread waits: until when, unless it is woken.
  TimePoint waits_until_ MINIKV_GUARDED_BY(mutex_) = kForWork;
  bool stopping_ MINIKV_GUARDED_BY(mutex_) = false;
  bool stopped_ MINIKV_GUARDED_BY(mutex_) = false;
  bool reading_ MINIKV_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> queued_bytes_{0};
  TaskList taken_;  // of the thread that acts as the writer; where none does, guarded by mutex_
};

}  // namespace minikv::engine
