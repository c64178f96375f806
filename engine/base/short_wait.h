// Waiting for what nearly always comes at once.
#pragma once

#include <sched.h>

#include <chrono>
#include <thread>

namespace minikv::engine {

// To sleep and be woken costs more than all the work between a client's write and its next one. So who has often been
// woken again at once stays awake for a moment before it sleeps; and not any more once that was in vain. Whoever else
// wants the processor gets it meanwhile.
//
// Thread safety: not thread-safe: the waiting thread's own.
class ShortWait {
 public:
  using Duration = std::chrono::steady_clock::duration;

  // Whether `is_there()` came true. Else it is to be slept for, and slept() to be called.
  template <typename Condition>
  bool stay_awake(Condition is_there) {
    if (short_sleeps_ < kOften) return false;
    const auto end = std::chrono::steady_clock::now() + kLongest;
    do {
      if (is_there()) return true;
      sched_yield();
    } while (std::chrono::steady_clock::now() < end);
    short_sleeps_ = 0;
    return false;
  }
  // It took so long until what was waited for came.
  void slept(Duration time) {
    if (time > kShort || !has_company()) {
      short_sleeps_ = 0;
    } else if (short_sleeps_ < kOften) {
      ++short_sleeps_;
    }
  }

 private:
  static constexpr Duration kLongest = std::chrono::microseconds(50);
  static constexpr Duration kShort = std::chrono::microseconds(100);  // waking up included
  static constexpr int kOften = 16;

  // With one processor, what is waited for can't come while somebody waits awake.
  static bool has_company() {
    static const bool has = std::thread::hardware_concurrency() > 1;
    return has;
  }

  int short_sleeps_ = 0;
};

}  // namespace minikv::engine
