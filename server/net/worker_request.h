// A request that a worker carries out for a session.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"
#include "protocol/request.h"
#include "server/request/aside.h"
#include "server/request/connection.h"
#include "server/request/slow_log.h"

namespace minikv::server {

class EventLoop;

// A session has at most one at a time: it looks at no request behind it before. The worker makes the reply,
// slice by slice, and has it handed over on the loop.
//
// Thread safety: used on the event loop of its session. The reply under way belongs to the worker until it
// has been handed over.
class WorkerRequest {
 public:
  using Clock = std::chrono::steady_clock;
  // Called on the loop with the reply of the worker, and how long that took since start(). The function is
  // destroyed on the loop, too. It has to keep alive the object that this one belongs to.
  using Done =
      std::function<void(protocol::ReplyBuffer&& reply, Clock::duration took, const RequestSummary& summary)>;

  explicit WorkerRequest(EventLoop& loop) : loop_(loop) {}

  bool is_running() const { return run_ != nullptr; }
  // To be called while !is_running() only. `done` is called once, unless the request is cancelled before.
  void start(const protocol::Request& request, protocol::ReplyFormat format, AsideSlice slice,
             Connection::HowLong how_long, Done done);
  // The reply is of no use any more: the worker ends soon. `done` is called all the same.
  void stop_early();
  // The same, and `done` is not called. Another request may be started.
  void cancel();

 private:
  struct Run;
  static void stand_in_line(const std::shared_ptr<Run>& run);
  static void work_on(const std::shared_ptr<Run>& run);
  static bool run_slice(Run& run);
  void finish(const std::shared_ptr<Run>& run, const Done& done);

  EventLoop& loop_;
  std::shared_ptr<Run> run_;  // null: none is running
};

}  // namespace minikv::server
