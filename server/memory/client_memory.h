// The memory that clients make the server hold, counted before it is taken.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>

#include "engine/base/thread_annotations.h"

namespace minikv::server {

// One budget for all clients: input that is not carried out yet, transactions that are being queued, watched
// keys, loaded values, and replies that are not taken. The budget is divided so that a few clients can't use
// it up:
//
//   seven sixteenths     any connection
//   an eighth            connections that hold little: small requests are served however much others hold
//   a sixteenth          connections that hold nothing: they are served even where many hold little, as half
//                        of a request
//   three eighths        the request that has waited longest: so a request of maximum size can always finish
//
// A request that needs more than these three eighths at a time can never be served, and is refused at once.
//
// Thread safety: all members may be called from any thread.
class ClientMemory {
 public:
  // Which part of the budget may be used.
  enum class Grade : std::uint8_t { kAny, kSmall, kEmpty, kFirst };

  explicit ClientMemory(std::uint64_t limit) : limit_(limit) {}

  std::uint64_t limit() const { return limit_; }
  std::uint64_t used() const {
    return shared_.load(std::memory_order_relaxed) + first_.load(std::memory_order_relaxed);
  }
  // The maximum that one request may hold, in bytes.
  std::uint64_t most_for_one() const { return limit_ / 8 * 3; }
  // A connection that holds at most this holds little (Grade::kSmall).
  static constexpr std::uint64_t kSmallBytes = 128 * 1024;
  // A connection that holds at most this holds nothing (Grade::kEmpty).
  static constexpr std::uint64_t kEmptyBytes = 4 * 1024;

  bool try_take(std::uint64_t bytes, Grade grade);
  // Takes `bytes` whether or not there is room, for memory that is in use already.
  void take(std::uint64_t bytes) { shared_.fetch_add(bytes, std::memory_order_relaxed); }
  // `first`: bytes that were taken as Grade::kFirst; `shared`: all others.
  void give_back(std::uint64_t shared, std::uint64_t first) MINIKV_EXCLUDES(mutex_);
  // Whether the shared part is used up. A connection should then begin nothing new, and keep nothing that is
  // not counted yet, unless it holds nothing.
  bool is_used_up() const { return shared_.load(std::memory_order_relaxed) >= limit_ / 16 * 9; }

  // Connections that wait for memory stand in a queue.
  using Ticket = std::uint64_t;
  Ticket join_queue() MINIKV_EXCLUDES(mutex_);
  void leave_queue(Ticket ticket) MINIKV_EXCLUDES(mutex_);
  bool is_first(Ticket ticket) const MINIKV_EXCLUDES(mutex_);
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  // `tell` is called when memory has been given back, or the first has left the queue, while connections
  // wait. To be set before the first join_queue().
  void on_change(std::function<void()> tell) {
    assert(waiting() == 0);
    tell_ = std::move(tell);
  }

  // Requests that were refused because they did not fit.
  void count_refusal() { refusals_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> shared_{0};  // up to five eighths
  std::atomic<std::uint64_t> first_{0};   // up to three eighths
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> refusals_{0};
  std::function<void()> tell_;
  mutable engine::Mutex mutex_;
  std::set<Ticket> queue_ MINIKV_GUARDED_BY(mutex_);
  Ticket next_ticket_ MINIKV_GUARDED_BY(mutex_) = 1;
};

// One holder's share of the budget; the destructor gives it back.
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class MemoryShare {
 public:
  explicit MemoryShare(ClientMemory& memory) : memory_(memory) {}
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  ~MemoryShare() { set(0); }

  std::uint64_t bytes() const { return shared_ + first_; }
  bool has_first_part() const { return first_ > 0; }
  bool try_add(std::uint64_t bytes, ClientMemory::Grade grade = ClientMemory::Grade::kAny) {
    if (!memory_.try_take(bytes, grade)) return false;
    (grade == ClientMemory::Grade::kFirst ? first_ : shared_) += bytes;
    return true;
  }
  // Makes the share `bytes`, whether or not there is room for more.
  void set(std::uint64_t bytes) {
    if (bytes > this->bytes()) {
      memory_.take(bytes - this->bytes());
      shared_ += bytes - this->bytes();
    } else if (bytes < this->bytes()) {
      const std::uint64_t less = this->bytes() - bytes, less_first = std::min(less, first_);
      memory_.give_back(less - less_first, less_first);
      shared_ -= less - less_first;
      first_ -= less_first;
    }
  }

 private:
  ClientMemory& memory_;
  std::uint64_t shared_ = 0;
  std::uint64_t first_ = 0;  // taken as the first of the queue
};

// The budget unless it is configured, in bytes: a quarter of usable_memory(), but enough for a request with a
// value of `max_value_bytes`, and at least 64 MiB.
std::uint64_t default_client_memory(std::uint64_t max_value_bytes);

}  // namespace minikv::server
