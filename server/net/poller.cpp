// Epoll, and the eventfd that ends its sleep.
#include "server/net/poller.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <climits>

namespace minikv::server {

namespace {

// Beside room and bytes: the end of the stream (it may have come with bytes), and out-of-band data.
constexpr std::uint32_t kEverything = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

int in_milliseconds(std::chrono::steady_clock::duration timeout) {
  if (timeout == std::chrono::steady_clock::duration::max()) return -1;
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return static_cast<int>(std::clamp<decltype(rounded)>(rounded, 0, INT_MAX));
}

bool is_wake_up(const epoll_event& event) { return event.data.ptr == nullptr; }

}  // namespace

Status Poller::open() {
  assert(epoll_.fd() < 0);
  epoll_ = Socket(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.fd() < 0) return Status::from_errno(errno, "cannot create an epoll descriptor");
  wake_up_ = Socket(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake_up_.fd() < 0) return Status::from_errno(errno, "cannot create an eventfd");
  // Edge-triggered as well: each write is an event, and no thread has to read it.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, wake_up_.fd(), &event) != 0)
    return Status::from_errno(errno, "cannot watch an eventfd");
  return {};
}

Status Poller::add(int socket, void* who) {
  assert(who != nullptr && epoll_.fd() >= 0);
  epoll_event event{.events = kEverything, .data = {.ptr = who}};
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, socket, &event) != 0)
    return Status::from_errno(errno, "cannot watch a connection");
  return {};
}

void Poller::remove(int socket) { ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, socket, nullptr); }

Poller::Waited Poller::wait(std::chrono::steady_clock::duration timeout) {
  assert(epoll_.fd() >= 0);
  State expected = State::kAwake;
  const bool may_sleep = timeout > timeout.zero() && state_.compare_exchange_strong(expected, State::kAsleep);
  const int count = ::epoll_wait(epoll_.fd(), events_.data(), static_cast<int>(events_.size()),
                                 may_sleep ? in_milliseconds(timeout) : 0);
  Waited waited;
  waited.woken = state_.exchange(State::kAwake) == State::kWoken;
  // After an interruption by a signal, `count` is -1 and wait() returns early.
  const auto end = events_.begin() + std::max(count, 0);
  waited.events = {events_.begin(), std::remove_if(events_.begin(), end, is_wake_up)};
  return waited;
}

void Poller::wake() {
  if (state_.exchange(State::kWoken) != State::kAsleep) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_up_.fd(), &one, sizeof one);
}

}  // namespace minikv::server
