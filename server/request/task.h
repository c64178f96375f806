// A command on its way through the writer thread: what is executed there, and how it is answered back on the loop.
#pragma once

#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "minikv/status.h"
#include "minikv/transaction.h"
#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"
#include "server/memory/request_memory.h"
#include "server/request/slow_log.h"

namespace minikv {
class Store;
}

namespace minikv::server {

class EventLoop;
class Session;

// How far a task has come with its reply.
enum class Answered : std::uint8_t {
  kWhole,      // that was all of it
  kInPart,     // the rest follows when others have had their turn
  kWantsDisk,  // a reader has to go on: what is needed is not in memory, or takes long
};

// Where a reply is made.
struct Reading {
  // On an event loop, which others wait for: of what is in memory.
  static Reading at_once() { return {}; }
  // On a thread that may wait. `is_unwanted` says whether the reply is of no use any more; empty: it never is.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved from
  static Reading waiting(std::function<bool()> is_unwanted) { return {true, std::move(is_unwanted)}; }

  bool may_wait = false;
  std::function<bool()> is_unwanted;
};

// How many bytes of values a reply grows by before others have their turn.
inline constexpr std::uint64_t kMaxBytesAtOnce = std::uint64_t{1} << 20;
// The same for the number of values: each takes a few microseconds, however short it is.
inline constexpr std::size_t kMaxValuesAtOnce = 512;
// At most so much stands around a value in a reply, without its key.
inline constexpr std::uint64_t kReplyOverheadBytes = 64;

// Made on the event loop and owned by its session, which answers the tasks in the order of the requests; executed by
// the writer, if it needs one. Whatever is to follow a task's reply and is known already (a PING behind a SET) waits
// in the task itself.
//
// What takes the disk is done by one of the store's readers: old values that the writer will want, before it gets the
// task; and values that the reply is made of, after it, or without it. A long reply is made part by part, so that no
// more of it is in memory than its client is about to take.
//
// Thread safety: handed from one thread to the other, never shared.
class Task : public WriteTask {
 public:
  explicit Task(Memory memory) : memory_(std::move(memory)) {
    set_bytes(memory_.argument_bytes() + kOverheadBytes);
  }

  void execute(Transaction& transaction) final;
  void done(const Status& status) final;

  // Makes the reply, or goes on with it: about kMaxBytesAtOnce bytes of it at most, and not less than one value.
  virtual Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) = 0;
  // Whether the reply is made of values that are still to be read: then it waits until its client takes what it has.
  virtual bool reads_values() const { return false; }
  // After Answered::kWantsDisk: at most how many bytes a reader will need in memory to go on.
  virtual std::uint64_t bytes_for_reader() const { return 0; }
  // Instead of going on: `error` takes the place of what would come next.
  virtual Answered refuse_next(protocol::ReplyEncoder& reply, const protocol::ErrorReply& error) {
    reply.error(error);
    return Answered::kWhole;
  }

  // At most how much memory it takes to find out what wants_preparation() wants to have found out.
  virtual std::uint64_t bytes_to_prepare() const { return 0; }
  // On a reader, of a task that is not for the writer (Connection::look_up()): finds out what it answers from. An error is the
  // answer.
  virtual Status look_up(const Store& /*store*/, const std::function<bool()>& /*is_unwanted*/) { return {}; }

  // Whether encode_some() does more than to make the reply, so that it is called even where nobody wants to see that.
  virtual bool acts_when_answered() const { return false; }

  // It will be answered with an error, and has not been carried out: on the thread that finds that out, before any task behind
  // it is executed.
  virtual void refused() noexcept {}

  // On a reader's thread: what the task is there for.
  void run_on_reader(const Store& store);

  // On the event loop, when the writer is done with it: appends the reply, or goes on with it.
  Answered answer(protocol::ReplyBuffer& out);

  // On the writer, or as a part of a task that is: what the command does to the store. A task that is not for the
  // writer need not say what it does there.
  virtual void perform(Transaction&) {}

 private:
  void set_status(const Status& status) {
    status_ = status;
    if (!status) refused();
  }

  friend class EventLoop;
  friend class Session;
  friend class TaskMail;
  friend class TaskQueue;
  static constexpr std::size_t kOverheadBytes = 64;  // about a record's header

  enum class Stage : std::uint8_t {
    kWaiting,     // for memory for the old values
    kPreparing,   // a reader brings the old values in, and looks up keys if they are many
    kWithWriter,  // from the end of the iteration on
    kDone,        // what is left is to make the reply
    kPostponed,   // a reader has to make some of it, when there is room for that
    kLoading,     // a reader makes some of it
    kLoaded,      // what a reader has made waits for its turn
  };

  Stage stage_ = Stage::kDone;
  Task* next_ = nullptr;          // in the session's queue
  Task* next_in_mail_ = nullptr;  // to its loop
  Memory memory_;
  Status status_;
  RequestSummary summary_;
  std::chrono::steady_clock::time_point started_;
  bool is_silent_ = false;                 // its answer is not wanted
  bool skips_writer_ = false;              // a reader finds out all that it answers from
  bool is_begun_ = false;                  // some of the reply has been made
  Answered progress_ = Answered::kInPart;  // of what a reader has made
  std::uint64_t held_bytes_ = 0;   // what has been taken of the memory for clients beside the arguments
  std::size_t loading_bytes_ = 0;  // of these, for what a reader makes
  EventLoop* loop_ = nullptr;      // where the answer is given
  std::shared_ptr<Session> session_;
  protocol::ReplyFormat format_ = protocol::ReplyFormat::kText;  // as it was when the request came
  // Null, as nearly always: what a reader has made; and the replies to what came after this request and needed no writer.
  std::unique_ptr<protocol::ReplyBuffer> part_, tail_;
};

// Tasks on their way back to their loop, in the order in which they are added. Takes no memory: it must not fail.
// Thread safety: none.
class TaskMail {
 public:
  bool empty() const { return first_ == nullptr; }
  void add(Task& task) {
    task.next_in_mail_ = nullptr;
    (empty() ? first_ : last_->next_in_mail_) = &task;
    last_ = &task;
  }
  // The first one, which is taken out; null if there is none.
  Task* take() {
    Task* const task = first_;
    if (task != nullptr) first_ = task->next_in_mail_;
    return task;
  }
  void swap(TaskMail& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
  }

 private:
  Task* first_ = nullptr;
  Task* last_ = nullptr;  // valid while there is a first one
};

// A session's tasks in the order of the requests. Costs nothing while it is empty, as nearly all are.
// Thread safety: none.
class TaskQueue {
 public:
  TaskQueue() = default;
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  ~TaskQueue() {
    while (!empty()) pop();
  }

  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  Task& front() const { return *first_; }
  Task& back() const { return *last_; }
  static Task* behind(const Task& task) { return task.next_; }
  void push(std::unique_ptr<Task> task) {
    (empty() ? first_ : last_->next_) = task.get();
    last_ = task.release();
    ++size_;
  }
  void pop() {
    const std::unique_ptr<Task> task(first_);
    first_ = task->next_;
    --size_;
  }

 private:
  Task* first_ = nullptr;
  Task* last_ = nullptr;  // valid while there is a first one
  std::size_t size_ = 0;
};

// A task made of two functions: `execute` runs on the writer, and `encode` turns what it returned into a reply.
template <typename Execute, typename Encode>
class FunctionTask : public Task {
 public:
  using Task::set_takes_long;
  FunctionTask(Memory memory, Execute on_writer, Encode on_loop)
      : Task(std::move(memory)), execute_(std::move(on_writer)), encode_(std::move(on_loop)) {}

 private:
  void perform(Transaction& transaction) override { result_.emplace(execute_(transaction)); }
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    assert(result_ && "the engine answers ok only after it has executed a task");
    encode_(reply, *std::move(result_));
    return Answered::kWhole;
  }

  Execute execute_;
  Encode encode_;
  std::optional<std::invoke_result_t<Execute&, Transaction&>> result_;
};

// The same for one whose `execute` reads the value under a key.
template <typename Execute, typename Encode>
class ReadModifyTask final : public FunctionTask<Execute, Encode> {
 public:
  // `key` must be kept in `memory`.
  ReadModifyTask(Memory memory, OldValue old, Execute on_writer, Encode on_loop)
      : FunctionTask<Execute, Encode>(std::move(memory), std::move(on_writer), std::move(on_loop)),
        old_(std::move(old)) {}

  std::span<OldValue> old_values() override { return {&old_, 1}; }
  // It may add so many bytes to the log beyond its arguments and the old value.
  void count_growth(std::uint64_t bytes) { this->set_bytes(this->bytes() + static_cast<std::size_t>(bytes)); }

 private:
  OldValue old_;
};

}  // namespace minikv::server
