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
  kWantsDisk,  // a reader has to go on: what is needed is not in memory, or takes long
};

// Where a reply is made.
struct Reading {
  // On an event loop, which others wait for: of what is in memory.
  static Reading at_once() { return {}; }
  // On a thread that may wait. `is_unwanted` says whether the reply is of no use any more; empty: it never
  // is.
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

// Is told when the writer is done with a task.
class TaskSink {
 public:
  // By the writer, once for each time that the task was submitted to the store. Must not block, nor throw.
  // The task is the sink's from then on: another thread may destroy it before this returns.
  virtual void task_is_done(Task& task) noexcept = 0;

 protected:
  ~TaskSink() = default;
};

// Made on the event loop; executed by the writer, if it needs one; answered on the loop, in the order of the
// requests.
//
// What takes the disk is done by one of the store's readers: old values that the writer will want, before it
// gets the task; and values that the reply is made of, after it, or without it. A long reply is made part by
// part, so that no more of it is in memory than its client is about to take.
//
// It is the command only: where it is on its way, and what waits behind it, is known to what has submitted
// it.
//
// Thread safety: handed from one thread to the other, never shared.
class Task : public WriteTask {
 public:
  explicit Task(ArgumentArena memory) : memory_(std::move(memory)) {
    set_bytes(memory_.argument_bytes() + kOverheadBytes);
  }

  // Once, before it is submitted to the store: what is told that it is done, and what is told of the keys
  // that it puts. Both have to live until then.
  void bind(TaskSink& sink, WatchedKeys& watched) {
    assert(sink_ == nullptr);
    sink_ = &sink;
    watched_ = &watched;
  }

  void execute(Transaction& transaction) final;
  void done(const Status& status) final;

  // On the writer, or as a part of a task that is: what the command does to the store. A task that is not for
  // the writer need not say what it does there.
  virtual void perform(Transaction&) {}

  // Makes the reply, or goes on with it: about kMaxBytesAtOnce bytes of it at most, and not less than one
  // value. Not to be called again after Answered::kWhole.
  virtual Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) = 0;
  // Whether the reply is made of values that are still to be read: then it waits until its client takes what
  // it has.
  virtual bool reads_values() const { return false; }
  // After Answered::kWantsDisk: at most how many bytes a reader will need in memory to go on.
  virtual std::uint64_t bytes_for_reader() const { return 0; }
  // Instead of going on: `error` takes the place of what would come next.
  virtual Answered refuse_next(protocol::ReplyEncoder& reply, const protocol::ErrorReply& error) {
    reply.error(error);
    return Answered::kWhole;
  }

  // At most how much memory it takes to find out what wants_preparation() wants to have found out, in bytes.
  virtual std::uint64_t bytes_to_prepare() const { return 0; }
  // On a reader, of a task that is not for the writer (Connection::look_up()): finds out what it answers
  // from. An error is the answer.
  virtual Status look_up(const Store& /*store*/, const std::function<bool()>& /*is_unwanted*/) { return {}; }

  // Whether encode_some() does more than to make the reply, so that it is called even where the
  // reply is not wanted.
  virtual bool acts_when_answered() const { return false; }

  // It will be answered with an error, and has not been carried out: on the thread that finds that out,
  // before any task behind it is executed.
  virtual void refused() noexcept {}

  // An error: what it is to be answered with, instead of encode_some().
  const Status& status() const { return status_; }
  // The same, and it is no error any more: what is left of the reply is made as usual.
  Status take_status() { return std::exchange(status_, Status()); }
  // It has not been carried out, and is answered with `why`, which is an error.
  void refuse(const Status& why) {
    assert(!why);
    status_ = why;
    refused();
  }
  // What it is answered from can't be had.
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

// The same for one whose `execute` reads the value under a key.
template <typename Execute, typename Encode>
class ReadModifyTask final : public FunctionTask<Execute, Encode> {
 public:
  // `key` must be kept in `memory`.
  ReadModifyTask(ArgumentArena memory, OldValue old, Execute on_writer, Encode on_loop)
      : FunctionTask<Execute, Encode>(std::move(memory), std::move(on_writer), std::move(on_loop)),
        old_(std::move(old)) {}

  std::span<OldValue> old_values() override { return {&old_, 1}; }
  // It may add so many bytes to the log beyond its arguments and the old value.
  void count_growth(std::uint64_t bytes) { this->set_bytes(this->bytes() + static_cast<std::size_t>(bytes)); }

 private:
  OldValue old_;
};

}  // namespace minikv::server
