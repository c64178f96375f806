// A connection's part of the memory for clients.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "server/memory/client_memory.h"

namespace minikv::server {

// Counts the memory that one connection makes the server hold, and queues the connection while there is none
// to be had.
// Thread safety: used on the event loop that owns the connection.
class SessionMemory {
 public:
  using Clock = std::chrono::steady_clock;

  explicit SessionMemory(ClientMemory& memory) : memory_(memory), share_(memory) {}
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;
  ~SessionMemory() { leave_queue(); }

  enum class Taken : std::uint8_t {
    kYes,
    kLater,  // there is none now: the connection stands in the queue, and has to ask again
    kNever,  // more than one request may hold
  };
  // Takes `bytes` more, for a request that holds `held` already.
  Taken take(std::uint64_t bytes, std::uint64_t held = 0) {
    if (bytes + held > memory_.most_for_one()) return Taken::kNever;
    if (!try_take(bytes)) {
      wait();
      if (!try_take(bytes)) return Taken::kLater;  // the connection may be the first by then
    }
    waits_ = false;
    return Taken::kYes;
  }
  // The same for memory that only the first of the queue may have.
  Taken take_as_first(std::uint64_t bytes) {
    if (bytes <= memory_.most_for_one()) {
      wait();
      if (!memory_.is_first(ticket_)) return Taken::kLater;
    }
    return take(bytes);
  }
  // Takes `bytes` if there is room, without waiting.
  bool try_take(std::uint64_t bytes) {
    using Grade = ClientMemory::Grade;
    const std::uint64_t held = share_.bytes() + bytes;
    const Grade grade = held <= ClientMemory::kEmptyBytes   ? Grade::kEmpty
                        : held <= ClientMemory::kSmallBytes ? Grade::kSmall
                                                            : Grade::kAny;
    if (share_.try_add(bytes, grade)) return true;
    return ticket_ != 0 && memory_.is_first(ticket_) && share_.try_add(bytes, Grade::kFirst);
  }

  // To be called at the end of each turn: the connection holds `held` bytes. `goes_on`: a request under way
  // will want more. If that request has memory from the part for the first, the connection stays the first of
  // the queue. Otherwise each of many large requests would get a part of what it needs.
  void settle(std::uint64_t held, bool goes_on) {
    if (!waits_ && !(goes_on && share_.has_first_part())) leave_queue();
    if (held != share_.bytes()) share_.set(held);
  }
  // Whether there is no memory for a connection that holds `held` bytes.
  bool has_no_room_for(std::uint64_t held) const {
    return held > share_.bytes() && held > ClientMemory::kEmptyBytes && memory_.is_used_up() &&
           !share_.has_first_part();
  }
  // The connection does without the memory that it has asked for.
  void stop_waiting() { waits_ = false; }

  // `not_run`: time up to `now` in which the event loop did not run. No connection could have got memory
  // then, so the time does not count as waiting.
  void forgive(Clock::duration not_run, Clock::time_point now) { since_ = std::min(since_ + not_run, now); }

  bool waits() const { return waits_; }
  Clock::time_point waits_since() const { return since_; }
  std::uint64_t held() const { return share_.bytes(); }
  // Whether other connections wait for memory that this one may hold.
  bool is_wanted_by_others() const { return memory_.waiting() > (ticket_ != 0 ? 1U : 0U); }
  bool is_used_up() const { return memory_.is_used_up(); }

 private:
  void wait() {
    if (ticket_ == 0) ticket_ = memory_.join_queue();
    if (!waits_) since_ = Clock::now();
    waits_ = true;
  }
  void leave_queue() {
    if (ticket_ != 0) memory_.leave_queue(std::exchange(ticket_, 0));
  }

  ClientMemory& memory_;
  MemoryShare share_;
  ClientMemory::Ticket ticket_ = 0;  // 0: not in the queue
  bool waits_ = false;
  Clock::time_point since_{};
};

}  // namespace minikv::server
