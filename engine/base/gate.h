// A one-shot event that threads wait for.
#pragma once

#include <atomic>

namespace minikv::engine {

// Closed at first, opened once.
// Thread safety: all members may be called from any thread.
class Gate {
 public:
  void open() {
    is_open_.store(true, std::memory_order_release);
    is_open_.notify_all();
  }
  bool is_open() const { return is_open_.load(std::memory_order_acquire); }
  void wait() const { is_open_.wait(false, std::memory_order_acquire); }

 private:
  std::atomic<bool> is_open_{false};
};

}  // namespace minikv::engine
