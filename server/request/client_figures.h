// Figures of a connection while it lives: its event loop writes them, CLIENT LIST and long work for its
// client read them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "protocol/command_table.h"

namespace minikv::server {

// Figures that belong together are not read at one moment. Each figure is right by itself, or was at the end
// of the last turn.
// Thread safety: written by one thread, read by any.
struct ClientFigures {
  using Clock = std::chrono::steady_clock;

  template <typename T>
  class Figure {
   public:
    explicit Figure(T value = T{}) : value_(value) {}
    void set(T value) { value_.store(value, std::memory_order_relaxed); }
    T get() const { return value_.load(std::memory_order_relaxed); }

   private:
    std::atomic<T> value_;
  };

  Figure<bool> is_gone{false};          // closed: no client waits for an answer
  Figure<Clock::rep> last_received{0};  // when something came from it, in the clock's ticks
  Figure<const protocol::CommandSpec*> last_command{nullptr};  // null before the first
  Figure<std::int64_t> queued_requests{-1};                    // by MULTI; -1 outside of it
  Figure<std::uint64_t> queued_bytes{0};                       // what they take
  Figure<bool> spares_eviction{false};                         // CLIENT NO-EVICT ON
  Figure<bool> is_closing{false};                              // it closes once its replies are sent
  Figure<bool> is_read_from{true};                             // not held back
  Figure<bool> is_send_blocked{false};                         // replies wait for the client to read
  Figure<std::uint64_t> input_bytes{0};
  Figure<std::uint64_t> input_free_bytes{0};
  Figure<std::uint64_t> reply_bytes{0};      // that have not been sent yet
  Figure<std::uint64_t> in_flight_bytes{0};  // of requests that are not answered yet
  Figure<std::uint64_t> in_flight_requests{0};
};

}  // namespace minikv::server
