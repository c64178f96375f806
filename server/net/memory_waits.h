// What a session does without for lack of memory, until there is some again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "server/memory/session_memory.h"

namespace minikv::server {

class EventLoop;
class Session;

// A session's part of the memory for clients. What can't have any waits, and the session stands in its loop's
// queue for it: the loop calls Session::memory_again(), and all that waited asks again.
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
  bool may_begin_request() { return !memory_.is_used_up() || may_begin_where_none_is_left(); }

  bool waits_for(For what) const { return (waits_ & bit(what)) != 0; }
  // It waits, or does without.
  void set_waits_for(For what, bool waits) {
    waits_ = static_cast<std::uint8_t>(waits ? waits_ | bit(what) : waits_ & ~bit(what));
  }
  // Nothing waits any more.
  void stop() { waits_ = 0; }
  // The session has left the loop's queue: nothing waits until it has asked again. Whether a task did.
  bool begin_again();
  // Since when something waits that has not been given any; nothing, if nothing does.
  bool has_waited_for(Clock::duration time, Clock::time_point now) const {
    return memory_.waits() && now - memory_.waits_since() >= time;
  }
  bool is_wanted_by_others() const { return memory_.is_wanted_by_others(); }
  bool is_used_up() const { return memory_.is_used_up(); }
  bool has_no_room_for(std::uint64_t held) const { return memory_.has_no_room_for(held); }

  // As SessionMemory::settle(), at the end of each turn.
  void settle(std::uint64_t held, bool goes_on) {
    if (waits_ == 0) memory_.stop_waiting();
    memory_.settle(held, goes_on);
  }
  void forgive(Clock::duration not_run, Clock::time_point now) { memory_.forgive(not_run, now); }

 private:
  static constexpr unsigned bit(For what) { return 1U << static_cast<unsigned>(what); }
  Taken note(For what, Taken taken);
  bool may_begin_where_none_is_left();

  Session& session_;
  EventLoop& loop_;
  SessionMemory memory_;
  std::uint8_t waits_ = 0;  // what does, bit by bit
  bool is_queued_ = false;  // with the loop
};

}  // namespace minikv::server
