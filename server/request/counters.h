// What the server counts about itself, for `stats` and INFO.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

namespace minikv::server {

// A number that any thread may add to and read; the counter orders no other memory access.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  // At most what was added: a counter does not go below zero.
  void subtract(std::uint64_t n = 1) {
    [[maybe_unused]] const std::uint64_t before = value_.fetch_sub(n, std::memory_order_relaxed);
    assert(before >= n);
  }
  void reset() { value_.store(0, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Thread safety: as its counters.
struct Counters {
  Counter clients;               // connected now
  Counter connections_received;  // accepted since the start, those turned away included
  Counter connections_rejected;  // turned away because of max_clients
  Counter turned_away;           // of them, those that are still being told so
  Counter connections_stalled;   // closed because they did not take their replies
  Counter connections_idle;      // closed because of idle_timeout
  Counter commands;              // carried out, those answered with an error included
  Counter errors;                // replies that were errors, not counting those inside of others
  Counter bytes_in;
  Counter bytes_out;
  Counter hits;             // keys that a read found
  Counter misses;           // and did not find
  Counter replies_waiting;  // bytes of replies that clients have not taken yet, at the end of each turn

  // Resets the counters as if the server had just been started; figures of what is still there, such as
  // clients, stay.
  void reset() {
    for (Counter* counter : {&connections_received, &connections_rejected, &connections_stalled,
                             &connections_idle, &commands, &errors, &bytes_in, &bytes_out, &hits, &misses}) {
      counter->reset();
    }
  }
};

}  // namespace minikv::server
