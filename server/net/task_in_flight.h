// A task on its way: what its session and its loop know of it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"
#include "server/request/slow_log.h"
#include "server/request/task.h"

namespace minikv {
class Store;
}

namespace minikv::server {

class EventLoop;
class Session;

// Lives from when a session adopts a task until the task has been answered. The session's queue owns this
// object, and through it the task. The task reports to this object, which then travels back to the loop. Its
// two links need no allocation, because the answer to a write that the writer has carried out must not fail.
//
// Thread safety: used on its event loop, except task_is_done() and run_on_reader(). The writer or a reader
// calls those, between the hand-over of the task and its return by the loop's mail.
struct TaskInFlight final : public TaskSink {
  enum class Stage : std::uint8_t {
    kWaiting,     // for memory for the old values
    kPreparing,   // a reader brings the old values in, and looks up keys if they are many
    kWithWriter,  // from the end of the iteration on
    kDone,        // what is left is to make the reply
    kPostponed,   // a reader has to make some of it, when there is room for that
    kLoading,     // a reader makes some of it
    kLoaded,      // what a reader has made waits for its turn
  };

  // About the memory of this object, its task, and what the task has allocated beside its arguments. A reply
  // that is still to be made takes at least as much.
  static constexpr std::size_t kMemoryBytes = 640;

  explicit TaskInFlight(EventLoop& home) : loop(home) {}

  // Called by the writer, once, while the stage is kWithWriter: adds this object to the loop's mail.
  void task_is_done(Task& done) noexcept override;
  // Called by a reader, once, while the stage is kPreparing or kLoading: does the reader's work for the task.
  void run_on_reader(const Store& store);
  // Refuses the task for lack of memory: it is not carried out, and is answered with `why` when its turn
  // comes.
  void refuse_for_memory(const Status& why);
  // The reason for refusing a task that can never have the memory it needs.
  static Status too_large();
  // Appends the reply to `out`, or goes on with it. To be called when the writer and the readers are done
  // with the task.
  Answered answer(protocol::ReplyBuffer& out);

  EventLoop& loop;                   // where the answer is given
  std::unique_ptr<Task> task;        // never null while this is in a queue
  std::shared_ptr<Session> session;  // kept alive while the writer or a reader has the task; null otherwise
  TaskInFlight* next = nullptr;      // in the session's queue
  TaskInFlight* next_in_mail = nullptr;  // to the loop
  Stage stage = Stage::kDone;
  Answered progress = Answered::kInPart;                        // of what a reader has made
  protocol::ReplyFormat format = protocol::ReplyFormat::kText;  // as it was when the request came
  bool is_silent = false;                                       // its answer is not wanted
  bool is_write = false;          // it is for the writer, which is not done with it yet
  bool is_begun = false;          // some of the reply has been made
  std::uint64_t held_bytes = 0;   // what has been taken of the memory for clients beside the arguments
  std::size_t loading_bytes = 0;  // of these, for what a reader makes
  std::chrono::steady_clock::time_point started;
  RequestSummary summary;  // empty unless there is a slow log
  // `part`: what a reader has made. `tail`: the replies to later requests that needed no writer. Both are
  // nearly always null.
  std::unique_ptr<protocol::ReplyBuffer> part, tail;
};

// The objects of a loop that are not in use, so that a task in flight costs no allocation but that of the
// task.
//
// Thread safety: used on the loop only.
class TaskPool {
 public:
  explicit TaskPool(EventLoop& loop) : loop_(loop) {}
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;
  ~TaskPool() { free(spare_); }

  struct GiveBack {
    void operator()(TaskInFlight* one) const noexcept;
  };
  using Owner = std::unique_ptr<TaskInFlight, GiveBack>;

  // Throws std::bad_alloc.
  Owner take(std::unique_ptr<Task> task) {
    TaskInFlight* const one = first_ == nullptr ? make() : unlink_first();
    one->task = std::move(task);
    return Owner(one);
  }
  // To be called now and then. Objects that were not needed since the last call go back to the system, so
  // that many tasks in flight at one time do not take memory for ever.
  void trim() {
    free(least_spare_);
    least_spare_ = spare_;
  }

 private:
  TaskInFlight* make() { return new TaskInFlight(loop_); }
  TaskInFlight* unlink_first() {
    TaskInFlight* const one = first_;
    first_ = std::exchange(one->next, nullptr);
    least_spare_ = std::min(least_spare_, --spare_);
    return one;
  }
  void give_back(TaskInFlight& one) noexcept;
  void free(std::size_t count) noexcept;

  EventLoop& loop_;
  TaskInFlight* first_ = nullptr;
  std::size_t spare_ = 0;
  std::size_t least_spare_ = 0;  // since the last trim()
};

// Tasks on their way back to their loop, in the order in which they are added. Allocates nothing, because it
// must not fail.
// Thread safety: none.
class TaskMail {
 public:
  bool empty() const { return first_ == nullptr; }
  void add(TaskInFlight& one) {
    one.next_in_mail = nullptr;
    (empty() ? first_ : last_->next_in_mail) = &one;
    last_ = &one;
  }
  // Removes and returns the first task; null if there is none.
  TaskInFlight* take() {
    TaskInFlight* const one = first_;
    if (one != nullptr) first_ = one->next_in_mail;
    return one;
  }
  void swap(TaskMail& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
  }

 private:
  TaskInFlight* first_ = nullptr;
  TaskInFlight* last_ = nullptr;  // valid while there is a first one
};

}  // namespace minikv::server
