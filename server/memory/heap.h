// How this process uses the C library's heap.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace minikv::server {

// Has what is large taken from the system, and given back to it when it is freed, instead of from a heap that
// keeps it; and keeps the number of heaps small, each of which reserves 64 MiB of address space. To be called
// first of all.
void tune_heap();

// Gives what is free in the heaps back to the system, when clients hold much less than they did before.
// Thread safety: all members may be called from any thread.
class HeapTrimmer {
 public:
  // `held`: what clients hold now. To be called once a second or so. Whether trim() is worth its time.
  bool is_due(std::uint64_t held);
  // Takes milliseconds.
  static void trim();

 private:
  using Clock = std::chrono::steady_clock;
  std::atomic<std::uint64_t> most_{0};  // since the last time
  std::atomic<Clock::time_point> last_{Clock::time_point{}};
};

}  // namespace minikv::server
