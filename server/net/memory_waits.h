// What a session does without for lack of memory, until there is some again.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "server/memory/session_memory.h"

namespace minikv::server {

class EventLoop;
class Session;

// A session's part of the memory for clients. What can't have any waits, and the session stands in its loop's queue
// for it: the loop calls Session::memory_again(), and all that waited asks again.
//
// Thread safety: used on the event loop of the session.
class MemoryWaits {
 public:
  using Clock = SessionMemory::Clock;
  using Taken = SessionMemory::Taken;

  enum class For : std::uint8_t {
    kInput,     // a request that goes on
    kRequests,  // all that would be new
    kTask,      // old values for the newest task, or values for the first
  };

  MemoryWaits(Session& session, EventLoop& loop, ClientMemory& memory)
      : session_(session), loop_(loop), memory_(memory) {}

  // As SessionMemory has them; with kLater `what` waits.
  Taken take(For what, std::uint64_t bytes, std::uint64_t held = 0);
  Taken take_as_first(For what, std::uint64_t bytes);
  bool try_take(std::uint64_t bytes) { return memory_.try_take(bytes); }
  // Whether a new request may be begun; otherwise all that are new wait.
  bool may_begin_request();

  bool waits_for(For what) const { return waits_[static_cast<std::size_t>(what)]; }
  // It waits, or does without.
  void set_waits_for(For what, bool waits) { waits_[static_cast<std::size_t>(what)] = waits; }
  // Nothing waits any more.
  void stop() { waits_ = {}; }
  // The session has left the loop's queue: nothing waits until it has asked again. Whether a task did.
  bool begin_again();
  // Since when something waits that has not been given any; nothing, if nothing does.
  bool has_waited_for(Clock::duration time, Clock::time_point now) const {
    return memory_.waits() && now - memory_.waits_since() >= time;
  }
  bool is_wanted_by_others() const { return memory_.is_wanted_by_others(); }

  // As SessionMemory::settle(), at the end of each turn.
  void settle(std::uint64_t held, bool goes_on);
  void forgive(Clock::duration not_run, Clock::time_point now) { memory_.forgive(not_run, now); }

 private:
  Taken note(For what, Taken taken);

  Session& session_;
  EventLoop& loop_;
  SessionMemory memory_;
  std::array<bool, 3> waits_{};  // by For
  bool is_queued_ = false;       // with the loop
};

}  // namespace minikv::server
