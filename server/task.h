// A command on its way through the writer thread: what is executed there, and how it is answered back on the loop.
#pragma once

#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "minikv/status.h"
#include "minikv/transaction.h"
#include "protocol/reply_encoder.h"

namespace minikv {
class Store;
}

namespace minikv::server {

class EventLoop;
class Session;

// One block that holds a command's arguments for as long as its task lives: the views of a request last only until
// the parser goes on. Views into it stay valid when it is moved.
class Memory {
 public:
  explicit Memory(std::size_t capacity)
      : block_(std::make_unique_for_overwrite<char[]>(capacity)), capacity_(capacity) {}

  std::string_view keep(std::string_view bytes) {
    assert(used_ + bytes.size() <= capacity_);
    char* place = block_.get() + used_;
    if (!bytes.empty()) std::memcpy(place, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {place, bytes.size()};
  }
  std::size_t capacity() const { return capacity_; }
  std::string_view kept() const { return {block_.get(), used_}; }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t used_ = 0;
  std::size_t capacity_;
};

// Made on the event loop and owned by its session, which answers the tasks in the order of the requests; executed by
// the writer, if it needs one. Whatever is to follow a task's reply and is known already (a PING behind a SET) waits
// in the task itself.
//
// What takes the disk is done by one of the store's readers: old values that the writer will want, before it gets the
// task; and values that the reply is made of, after it, or without it.
//
// Thread safety: handed from one thread to the other, never shared.
class Task : public WriteTask {
 public:
  // `reply_bytes`: of values that the task will hold.
  explicit Task(Memory memory, std::uint64_t reply_bytes = 0) : memory_(std::move(memory)) {
    set_bytes(memory_.capacity() + kOverheadBytes + static_cast<std::size_t>(reply_bytes));
  }

  void execute(Transaction& transaction) final;
  void done(const Status& status) final;

  // On the event loop: whether encode() has all it needs, now that what is in memory has been read.
  virtual bool try_load() { return true; }
  // On a reader's thread, after try_load() has failed: reads the rest.
  virtual void load() {}
  // About how much that is.
  virtual std::uint64_t loading_bytes() const { return 0; }

  // On a reader's thread: what the task is there for.
  void run_on_reader(const Store& store);

  // On the event loop, when it is done and loaded: appends the reply and what follows it.
  void answer(std::string& out);

 protected:
  // On the writer. A task that is not for it need not say what it does there.
  virtual void perform(Transaction&) {}
  virtual void encode(protocol::ReplyEncoder& reply) = 0;

 private:
  friend class EventLoop;
  friend class ExecTask;
  friend class Session;
  friend class TaskQueue;
  static constexpr std::size_t kOverheadBytes = 64;  // about a record's header

  enum class Stage : std::uint8_t {
    kPreparing,   // a reader brings the old values in
    kWithWriter,  // from the end of the iteration on
    kDone,        // by the writer: what is left is to read values, if need be, and to answer
    kLoading,     // a reader reads them
    kLoaded,
  };

  Stage stage_ = Stage::kDone;
  Task* next_ = nullptr;  // in the session's queue
  Memory memory_;
  Status status_;
  const protocol::CommandSpec* command_ = nullptr;
  std::chrono::steady_clock::time_point started_;
  bool is_silent_ = false;     // its answer is not wanted
  EventLoop* loop_ = nullptr;  // where the answer is given
  std::shared_ptr<Session> session_;
  protocol::ReplyFormat format_ = protocol::ReplyFormat::kText;  // as it was when the request came
  std::string tail_;  // the replies to what came after this request and needed no writer
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
  void encode(protocol::ReplyEncoder& reply) override {
    assert(result_ && "the engine answers ok only after it has executed a task");
    encode_(reply, *result_);
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
