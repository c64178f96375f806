// The work of a session that waits until there is memory for clients again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "server/memory/session_memory.h"

namespace minikv::server {

class EventLoop;
class Session;

// A session's part of the memory for clients. Work that can't have any waits, and the session joins its
// loop's queue. When the loop calls Session::memory_again(), all waiting work asks again.
//
// Thread safety: used on the event loop of the session.
class MemoryWaits {
 public:
  using Clock = SessionMemory::Clock;
  using Taken = SessionMemory::Taken;

  enum class For : std::uint8_t {
    kInput,     // the rest of a request that is arriving
    kRequests,  // all new requests
    kTask,      // old values for the newest task, or values for the first
  };

  MemoryWaits(Session& session, EventLoop& loop, ClientMemory& memory)
      : session_(session), loop_(loop), memory_(memory) {}

  // As in SessionMemory; after kLater, `what` waits.
  Taken take(For what, std::uint64_t bytes, std::uint64_t held = 0);
  Taken take_as_first(For what, std::uint64_t bytes);
  bool try_take(std::uint64_t bytes) { return memory_.try_take(bytes); }
  // Whether a new request may be begun; otherwise all new requests wait.
  bool may_begin_request() { return !memory_.is_used_up() || may_begin_where_none_is_left(); }

  bool waits_for(For what) const { return (waits_ & bit(what)) != 0; }
  // Notes that `what` waits, or that it does without the memory.
  void set_waits_for(For what, bool waits) {
    waits_ = static_cast<std::uint8_t>(waits ? waits_ | bit(what) : waits_ & ~bit(what));
  }
  // Nothing waits any more.
  void stop() { waits_ = 0; }
  // To be called when the session has left the loop's queue: nothing waits until it has asked again. Returns
  // whether a task waited.
  bool begin_again();
  // Whether the session has waited for memory for at least `time`.
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
  std::uint8_t waits_ = 0;  // a bit for each For that waits
  bool is_queued_ = false;  // the session is in the loop's queue
};

}  // namespace minikv::server
