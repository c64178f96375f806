// Asserts that calls which only one thread at a time may make do not overlap.
#pragma once

#include <atomic>
#include <cassert>

namespace minikv::engine {

// An object whose calls may not overlap has it as a member, and each such call holds a Scope from its first
// line on. In a release build it does nothing.
//
// Thread safety: a Scope may be made on any thread; the assertion fails if two overlap.
class OneAtATime {
 public:
  class [[maybe_unused]] Scope {
   public:
#ifdef NDEBUG
    explicit Scope(const OneAtATime&) {}
#else
    explicit Scope(const OneAtATime& calls) : calls_(calls) {
      const bool overlaps = calls_.is_busy_.exchange(true, std::memory_order_acquire);
      assert(!overlaps && "two threads are in calls that one thread at a time may make");
    }
    ~Scope() { calls_.is_busy_.store(false, std::memory_order_release); }
#endif
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

#ifndef NDEBUG
   private:
    const OneAtATime& calls_;
#endif
  };

#ifndef NDEBUG
 private:
  mutable std::atomic<bool> is_busy_{false};
#endif
};

}  // namespace minikv::engine
