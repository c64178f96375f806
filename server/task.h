// A command on its way through the writer thread: what is executed there, and how it is answered back on the loop.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "minikv/status.h"
#include "minikv/transaction.h"
#include "protocol/reply_encoder.h"

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

 private:
  std::unique_ptr<char[]> block_;
  std::size_t used_ = 0;
  std::size_t capacity_;
};

// Made on the event loop, executed by the writer, answered and freed on the event loop. All tasks of one connection are
// done in the order in which they were submitted, so that the replies need no queue of their own: whatever is to
// follow a task's reply and is known already (a PING behind a SET) waits in the task itself.
//
// Thread safety: handed from one thread to the other, never shared.
class Task : public WriteTask {
 public:
  explicit Task(Memory memory) : memory_(std::move(memory)) {
    set_bytes(memory_.capacity() + kOverheadBytes);
  }

  void done(const Status& status) final;

  // On the event loop, after done(): appends the reply and what follows it.
  void answer(std::string& out);

 protected:
  virtual void encode(protocol::ReplyEncoder& reply) = 0;

 private:
  friend class EventLoop;
  friend class Session;
  static constexpr std::size_t kOverheadBytes = 64;  // about a record's header

  Memory memory_;
  Status status_;
  EventLoop* loop_ = nullptr;  // where the answer is given
  std::shared_ptr<Session> session_;
  protocol::ReplyFormat format_ = protocol::ReplyFormat::kText;  // as it was when the request came
  std::string tail_;  // the replies to what came after this request and needed no writer
};

// A task made of two functions: `execute` runs on the writer, and `encode` turns what it returned into a reply.
template <typename Execute, typename Encode>
class FunctionTask final : public Task {
 public:
  FunctionTask(Memory memory, Execute execute, Encode encode)
      : Task(std::move(memory)), execute_(std::move(execute)), encode_(std::move(encode)) {}

  void execute(Transaction& transaction) override { result_.emplace(execute_(transaction)); }

 private:
  void encode(protocol::ReplyEncoder& reply) override {
    assert(result_ && "the engine answers ok only after it has executed a task");
    encode_(reply, *result_);
  }

  Execute execute_;
  Encode encode_;
  std::optional<std::invoke_result_t<Execute&, Transaction&>> result_;
};

}  // namespace minikv::server
