// How this process uses the C library's heap.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace minikv::server {

// Makes malloc() map large blocks, so that free() gives them back to the system instead of to a heap that
// keeps them. Also limits the number of heaps, because each reserves 64 MiB of address space. To be called
// first of all.
void tune_heap();

// Gives free memory in the heaps back to the system when clients hold much less than before.
// Thread safety: all members may be called from any thread.
class HeapTrimmer {
 public:
  // Returns whether trim() is worth its time. `held`: the bytes that clients hold. To be called about once a
  // second.
  bool is_due(std::uint64_t held);
  // Takes milliseconds.
  static void trim();

 private:
  using Clock = std::chrono::steady_clock;
  std::atomic<std::uint64_t> most_{0};  // the maximum of `held` since trim() was last due
  std::atomic<Clock::time_point> last_{Clock::time_point{}};
};

}  // namespace minikv::server
