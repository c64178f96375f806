// Where an event loop sleeps: what the kernel has to say about its sockets, and other threads' wake-ups.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>

#include "minikv/status.h"
#include "server/net/socket.h"

namespace minikv::server {

// An epoll descriptor and an eventfd.
//
// A socket is registered once, for everything and edge-triggered: the kernel tells of it when bytes, the end
// of the stream, room or an error *come*, not for as long as they are there, and never needs to be told that
// they were taken. Asking again after each request would be a third system call beside recv() and send().
//
// Thread safety: wake() from any thread, after open(); all else on the one that waits.
class Poller {
 public:
  struct Waited {
    std::span<const epoll_event> events;  // until the next wait(); of sockets that have been removed, too
    bool woken = false;
  };

  // Once. kIoError if the system has no more descriptors.
  Status open();

  // From now on events carry `who`, which must not be null; the first says what there is already. After
  // open(), as remove() and wait().
  Status add(int socket, void* who);
  void remove(int socket);

  // Until there is an event, a wake-up, or `timeout` is over (it is rounded up to milliseconds; the largest
  // of all never is). Does not wait for the first if there has been a wake-up since the last call. An empty
  // answer may come early.
  Waited wait(std::chrono::steady_clock::duration timeout);

  // What the caller has written before is seen by whoever finds `woken` in what wait() returns. No system
  // call but when wait() sleeps, or is about to.
  void wake();

 private:
  enum class State : std::uint8_t { kAwake, kAsleep, kWoken };

  static constexpr std::size_t kEventsAtOnce = 128;

  Socket epoll_, wake_up_;
  std::atomic<State> state_{State::kAwake};
  alignas(8) std::array<epoll_event, kEventsAtOnce> events_;  // which are packed, and would lie anywhere
};

}  // namespace minikv::server
