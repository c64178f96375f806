// How long the server waits for a client.
#pragma once

#include <cassert>
#include <chrono>

#include "server/net/transport.h"
#include "server/request/options.h"

namespace minikv::server {

// Decides whether the server waits any longer for a client that takes no replies, sends nothing, or does not
// go on with a request. Decisions depend on when bytes were last received and sent. Time in which the loop
// did not run is not the client's fault, and is not counted.
//
// Thread safety: used on the event loop of the session.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  // Both must outlive this object.
  Patience(const ServerOptions& options, const Transport& transport)
      : options_(options), transport_(transport) {}

  // `not_run`: time up to `now` in which the loop did not run.
  void forgive(Clock::duration not_run, Clock::time_point now);

  // `is_in_the_way`: replies wait that the client has to take before its requests go on. `is_hoarding`: the
  // client only holds many replies, and others wait for the memory; it then has a part of the usual time.
  // True: the client has taken nothing for too long. To be called now and then: the time counts from the
  // first of the calls in a row in which one of the two is set.
  bool is_used_up(bool is_in_the_way, bool is_hoarding, Clock::time_point now);
  // The time that the last call of is_used_up() has allowed.
  std::chrono::milliseconds for_replies() const;
  // Whether nothing has been received or sent for `idle_timeout`.
  bool is_idle(Clock::time_point now) const;
  // Whether nothing has been received for half of `request_timeout`, or, if memory is used up, for a second
  // at most. An incomplete request that does not go on has to give way before others have waited too long.
  bool has_paused(bool is_memory_used_up, Clock::time_point now) const;

  // The client has been told that nothing follows, and should close now.
  void begin_lingering(Clock::time_point now);
  bool has_lingered(Clock::time_point now) const {
    assert(linger_until_ != Clock::time_point{});
    return now >= linger_until_;
  }

 private:
  Clock::time_point silent_since() const;

  const ServerOptions& options_;
  const Transport& transport_;
  bool is_hoarding_ = false;
  Clock::time_point stalled_since_{};     // the epoch: the client is not stalled
  Clock::time_point silence_forgiven_{};  // up to then; the epoch: no time is
  Clock::time_point linger_until_{};
};

}  // namespace minikv::server
