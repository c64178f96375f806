// A command that needs the writer or the disk: what is executed there, and how it is answered back on the
// loop.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "minikv/status.h"
#include "minikv/transaction.h"
#include "protocol/errors.h"
#include "protocol/reply_encoder.h"
#include "server/memory/request_memory.h"

namespace minikv {
class Store;
}

namespace minikv::server {

class Task;
class WatchedKeys;

// How far a task has come with its reply.
enum class Answered : std::uint8_t {
  kWhole,      // that was all of it
  kInPart,     // the rest follows when others have had their turn
  kWantsDisk,  // a reader has to go on: values are not in memory, or the rest takes long
};

// Where a reply is made.
struct Reading {
  // On an event loop, where other connections wait: from values in memory only.
  static Reading at_once() { return {}; }
  // On a thread that may wait. `is_unwanted` says whether the reply is of no use any more; empty: the reply
  // stays wanted.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved from
  static Reading waiting(std::function<bool()> is_unwanted) { return {true, std::move(is_unwanted)}; }

  bool may_wait = false;
  std::function<bool()> is_unwanted;
};

// How many bytes of values a reply grows by before other connections have their turn.
inline constexpr std::uint64_t kMaxBytesAtOnce = std::uint64_t{1} << 20;
// The same for the number of values: each takes a few microseconds, however short it is.
inline constexpr std::size_t kMaxValuesAtOnce = 512;
// The maximum of bytes around a value in a reply, without its key.
inline constexpr std::uint64_t kReplyOverheadBytes = 64;

// Receives the tasks that the writer is done with.
class TaskSink {
 public:
  // Called by the writer, once for each time that the task was submitted to the store. Must not block, nor
  // throw. The sink owns the task from then on: another thread may destroy it before this returns.
  virtual void task_is_done(Task& task) noexcept = 0;

 protected:
  ~TaskSink() = default;
};

// A task is made on the event loop, executed by the writer if it needs one, and answered on the loop in the
// order of the requests.
//
// A reader of the store does what needs the disk: it reads the old values before the writer gets the task,
// and the values of the reply after the writer, or without it. A long reply is made part by part, so that
// memory holds no more of it than its client is about to take.
//
// The task knows its command only. The component that has submitted it knows how far it is, and what waits
// behind it.
//
// Thread safety: handed from one thread to the other, never shared.
class Task : public WriteTask {
 public:
  explicit Task(ArgumentArena memory) : memory_(std::move(memory)) {
    set_bytes(memory_.argument_bytes() + kOverheadBytes);
  }

  // To be called once, before the task is submitted to the store. `sink` is told when the writer is done, and
  // `watched` is told of the keys that the task puts; both have to live until then.
  void bind(TaskSink& sink, WatchedKeys& watched) {
    assert(sink_ == nullptr);
    sink_ = &sink;
    watched_ = &watched;
  }

  void execute(Transaction& transaction) final;
  void done(const Status& status) final;

  // Carries out the command on the store. Called on the writer, directly or by a task that contains this one.
  // A task that is not for the writer need not override it.
  virtual void perform(Transaction&) {}

  // Makes the reply, or goes on with it: about kMaxBytesAtOnce bytes of it at most, and not less than one
  // value. Not to be called again after Answered::kWhole.
  virtual Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) = 0;
  // Whether the reply is made of values that are still to be read: it then waits until its client takes the
  // replies that it has.
  virtual bool reads_values() const { return false; }
  // After Answered::kWantsDisk: the maximum of memory that a reader will need to go on, in bytes.
  virtual std::uint64_t bytes_for_reader() const { return 0; }
  // Called instead of encode_some(): `error` takes the place of what would come next.
  virtual Answered refuse_next(protocol::ReplyEncoder& reply, const protocol::ErrorReply& error) {
    reply.error(error);
    return Answered::kWhole;
  }

  // The maximum of memory that a preparation takes, if wants_preparation() asks for one, in bytes.
  virtual std::uint64_t bytes_to_prepare() const { return 0; }
  // Finds out what the reply is made of. Called on a reader, for a task that is not for the writer
  // (Connection::look_up()). An error is the answer.
  virtual Status look_up(const Store& /*store*/, const std::function<bool()>& /*is_unwanted*/) { return {}; }

  // Whether encode_some() does more than to make the reply, so that it is called even where the reply is not
  // wanted.
  virtual bool acts_when_answered() const { return false; }

  // Called when the task has not been carried out and will be answered with an error: on the thread that
  // finds that out, before any task behind it is executed.
  virtual void refused() noexcept {}

  // If this is an error, the task is answered with it, instead of by encode_some().
  const Status& status() const { return status_; }
  // Returns the status and clears it, so that the rest of the reply is made as usual.
  Status take_status() { return std::exchange(status_, Status()); }
  // Has the task answered with `why`, which is an error: it has not been carried out.
  void refuse(const Status& why) {
    assert(!why);
    status_ = why;
    refused();
  }
  // Has the task answered with `why`: what its reply is made of can't be had.
  void fail(Status why) { status_ = std::move(why); }

 private:
  static constexpr std::size_t kOverheadBytes = 64;  // about a record's header

  ArgumentArena memory_;
  Status status_;
  TaskSink* sink_ = nullptr;
  WatchedKeys* watched_ = nullptr;
};

// A task made of two functions: `execute` runs on the writer, and `encode` turns what it returned into a
// reply.
template <typename Execute, typename Encode>
class FunctionTask : public Task {
 public:
  using Task::set_takes_long;
  FunctionTask(ArgumentArena memory, Execute on_writer, Encode on_loop)
      : Task(std::move(memory)), execute_(std::move(on_writer)), encode_(std::move(on_loop)) {}

 private:
  void perform(Transaction& transaction) override {
    assert(!result_ && "a task is executed once");
    result_.emplace(execute_(transaction));
  }
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    assert(result_ && "the engine answers ok only after it has executed a task");
    encode_(reply, *std::move(result_));
    return Answered::kWhole;
  }

  Execute execute_;
  Encode encode_;
  std::optional<std::invoke_result_t<Execute&, Transaction&>> result_;
};

// A FunctionTask with an `execute` that reads the old value of a key.
template <typename Execute, typename Encode>
class ReadModifyTask final : public FunctionTask<Execute, Encode> {
 public:
  // `key` must be kept in `memory`.
  ReadModifyTask(ArgumentArena memory, OldValue old, Execute on_writer, Encode on_loop)
      : FunctionTask<Execute, Encode>(std::move(memory), std::move(on_writer), std::move(on_loop)),
        old_(std::move(old)) {}

  std::span<OldValue> old_values() override { return {&old_, 1}; }
  // The task may add `bytes` to the log beyond its arguments and the old value.
  void count_growth(std::uint64_t bytes) { this->set_bytes(this->bytes() + static_cast<std::size_t>(bytes)); }

 private:
  OldValue old_;
};

}  // namespace minikv::server
