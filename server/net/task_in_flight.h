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

// From when a session adopts a task until the task has been answered. The session's queue owns it, and
// through it the task. It is what the task reports to, and what travels back to the loop: the two links make
// that possible without memory, since what the writer has done must not fail to be answered.
//
// Thread safety: used on its event loop; but for task_is_done() and run_on_reader(), from when the task is
// handed over until it has come back by the loop's mail.
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

  // With its task and what that has allocated beside its arguments, about; a reply that is still to be made
  // takes at least as much.
  static constexpr std::size_t kMemoryBytes = 640;

  explicit TaskInFlight(EventLoop& home) : loop(home) {}

  // By the writer, once, while the stage is kWithWriter: it goes to the loop's mail.
  void task_is_done(Task& done) noexcept override;
  // By a reader, once, while the stage is kPreparing or kLoading: what the task is there for.
  void run_on_reader(const Store& store);
  // For want of memory the task is not carried out: it is answered with `why` when its turn comes.
  void refuse_for_memory(const Status& why);
  // Why it may be refused: it can never have what it needs.
  static Status too_large();
  // When the writer and the readers are done with the task: appends the reply to `out`, or goes on with it.
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
  // Null, as nearly always: what a reader has made; and the replies to what came after this request and
  // needed no writer.
  std::unique_ptr<protocol::ReplyBuffer> part, tail;
};

// Those of a loop that are not in use, so that a task in flight costs no allocation but its own.
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
  // To be called now and then: those that were not needed since the last call go back to the system, so that
  // much that was in flight once does not take memory for ever.
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

// Tasks on their way back to their loop, in the order in which they are added. Takes no memory: it must not
// fail.
// Thread safety: none.
class TaskMail {
 public:
  bool empty() const { return first_ == nullptr; }
  void add(TaskInFlight& one) {
    one.next_in_mail = nullptr;
    (empty() ? first_ : last_->next_in_mail) = &one;
    last_ = &one;
  }
  // The first one, which is taken out; null if there is none.
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
