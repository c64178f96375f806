// The work of a request on a worker's thread, such as a walk over all keys.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "protocol/errors.h"
#include "protocol/reply_encoder.h"
#include "server/memory/client_memory.h"

namespace minikv::server {

// Set once the work is of no use any more.
using CancelFlag = std::shared_ptr<std::atomic<bool>>;

// Tells the work whether it may go on and how much it may hold.
// Thread safety: used by the worker only.
class Aside {
 public:
  using Clock = std::chrono::steady_clock;

  Aside(ClientMemory& memory, CancelFlag cancelled, Clock::time_point deadline,
        std::chrono::milliseconds limit)
      : share_(memory),
        memory_(memory),
        cancelled_(std::move(cancelled)),
        deadline_(deadline),
        limit_(limit) {}

  // To be called when a thread begins a slice of the work: may_go_on() measures gaps from here on.
  void begin_slice() { looked_at_ = Clock::now(); }
  // To be asked every few milliseconds, before the work goes on. False if the work has to end: its client has
  // gone, the server stops, or the time limit is over. error() then has the answer. Time in which the process
  // did not run (SIGSTOP, a machine that slept) is not counted.
  bool may_go_on();
  // To be asked before the reply grows: whether it may have `bytes` in all. If not, the work has to end, and
  // error() has the answer.
  bool may_hold(std::uint64_t bytes);
  const protocol::ErrorReply& error() const { return error_; }

 private:
  MemoryShare share_;
  ClientMemory& memory_;
  const CancelFlag cancelled_;
  Clock::time_point deadline_;
  Clock::time_point looked_at_ = Clock::now();
  const std::chrono::milliseconds limit_;
  protocol::ErrorReply error_;
};

// Makes the whole reply.
using AsideWork = std::function<void(protocol::ReplyEncoder& reply, Aside& aside)>;
// Makes a part of the reply, and returns whether that was the last. Between two slices, the thread works for
// other requests.
using AsideSlice = std::function<bool(protocol::ReplyEncoder& reply, Aside& aside)>;

}  // namespace minikv::server
