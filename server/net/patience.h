// How long a client is waited for.
#pragma once

#include <cassert>
#include <chrono>

#include "server/net/transport.h"
#include "server/request/options.h"

namespace minikv::server {

// Judges by when bytes came and went: whether a client that takes no replies, sends nothing, or does not go
// on with a request is waited for any longer. Time in which the loop did not run is not the client's fault,
// and is not counted.
//
// Thread safety: used on the event loop of the session.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  // Both must outlive it.
  Patience(const ServerOptions& options, const Transport& transport)
      : options_(options), transport_(transport) {}

  // For `not_run` of the time up to now the loop did not run.
  void forgive(Clock::duration not_run, Clock::time_point now);

  // `is_in_the_way`: replies wait that the client has to take before anything goes on for it. `is_hoarding`:
  // it only holds many, and others wait for the memory; it has a part of the usual time then. True: it has
  // taken nothing for too long. To be called now and then: the time counts from the first of the calls in a
  // row that saw one of them.
  bool is_used_up(bool is_in_the_way, bool is_hoarding, Clock::time_point now);
  // What the last call has judged by.
  std::chrono::milliseconds for_replies() const;
  // Whether nothing has come or gone for `idle_timeout`.
  bool is_idle(Clock::time_point now) const;
  // Whether nothing has come for half of `request_timeout`, or for a second at most where memory is used up:
  // half of a request that does not go on is in the way of others, and gives way before they have waited too
  // long.
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
  Clock::time_point stalled_since_{};     // the epoch: it is not
  Clock::time_point silence_forgiven_{};  // up to then; the epoch: none is
  Clock::time_point linger_until_{};
};

}  // namespace minikv::server
