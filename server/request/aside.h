// A request that runs on a worker's thread, as walks over all keys do.
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

// What the work has to ask while it goes on.
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

  // The work goes on on a thread, and is asked about from here on.
  void begin_slice() { looked_at_ = Clock::now(); }
  // To be asked every few milliseconds, before the work goes on: false, if it has to end, since its client
  // has gone, the server stops, or it has taken too long. error() is then what it is answered with. Time in
  // which the process did not run (SIGSTOP, a machine that slept) is not counted.
  bool may_go_on();
  // To be asked before the reply grows: whether it may have so many bytes in all. As above.
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
// Makes a part of it, and says whether that was the last: between two slices the thread is others'.
using AsideSlice = std::function<bool(protocol::ReplyEncoder& reply, Aside& aside)>;

}  // namespace minikv::server
