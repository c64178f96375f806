// Where an event loop sleeps until its sockets have events, or other threads wake it.
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
// A socket is registered once, for all events and edge-triggered: the kernel reports bytes, the end of the
// stream, room or an error when they *come*, not for as long as they are there. So a registration never has
// to be renewed. Renewing it after each request would be a third system call beside recv() and send().
//
// Thread safety: wake() from any thread, after open(); all else on the thread that waits.
class Poller {
 public:
  struct Waited {
    std::span<const epoll_event> events;  // valid until the next wait(); of removed sockets, too
    bool woken = false;
  };

  // To be called once. kIoError if the system has no more descriptors.
  Status open();

  // From then on, events of the socket carry `who`, which must not be null; the first event reports what is
  // there already. add(), remove() and wait() may be called after open().
  Status add(int socket, void* who);
  void remove(int socket);

  // Waits until there is an event or a wake-up, or `timeout` is over. The timeout is rounded up to
  // milliseconds; the maximum duration is never over. Does not sleep if there has been a wake-up since the
  // last call. May return early, with an empty answer.
  Waited wait(std::chrono::steady_clock::duration timeout);

  // Writes of the caller before wake() are visible to the thread that finds `woken` in the result of wait().
  // Makes a system call only if wait() sleeps, or is about to.
  void wake();

 private:
  enum class State : std::uint8_t { kAwake, kAsleep, kWoken };

  static constexpr std::size_t kEventsAtOnce = 128;

  Socket epoll_, wake_up_;
  std::atomic<State> state_{State::kAwake};
  alignas(8) std::array<epoll_event, kEventsAtOnce> events_;  // the type is packed, and aligned to 1
};

}  // namespace minikv::server
