// A lock for one writer and many readers; the readers do not touch each other's cache lines.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>

#include "engine/base/thread_annotations.h"

namespace minikv::engine {

// Each reading thread locks the mutex of its own slot, which is nearly always uncontended; the writer locks
// those of all slots, in order. Readers hold theirs for the look-ups of one command and never across I/O, the
// writer for the publication of a few hundred records. A mutex goes to the thread that is awake: a reader in
// a loop would lock its own again and again before the writer has woken up. So readers let a waiting writer
// go first, and a writer that locks many times in a row lets the readers pass in between.
//
// Thread safety: all members may be called from any thread. Not recursive.
class MINIKV_CAPABILITY("reader lock") ReaderLock {
 public:
  void lock() MINIKV_ACQUIRE() MINIKV_NO_THREAD_SAFETY_ANALYSIS {
    turn_.fetch_add(1, std::memory_order_relaxed);
    for (Slot& slot : slots_) slot.mutex.lock();
    turn_.fetch_add(1, std::memory_order_relaxed);
    turn_.notify_all();
  }
  void unlock() MINIKV_RELEASE() MINIKV_NO_THREAD_SAFETY_ANALYSIS {
    for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot) slot->mutex.unlock();
  }
  void lock_shared() MINIKV_ACQUIRE_SHARED() MINIKV_NO_THREAD_SAFETY_ANALYSIS {
    std::mutex& mutex = slots_[own_slot()].mutex;
    const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
    const bool writer_waits = turn % 2 != 0;
    if (!writer_waits && mutex.try_lock()) return;
    shut_out_.fetch_add(1, std::memory_order_relaxed);
    // The reader lets only this writer go first: the next one may be waiting before the reader is awake.
    if (writer_waits) turn_.wait(turn, std::memory_order_relaxed);
    mutex.lock();
    shut_out_.fetch_sub(1, std::memory_order_relaxed);
  }
  void unlock_shared() MINIKV_RELEASE_SHARED() MINIKV_NO_THREAD_SAFETY_ANALYSIS {
    slots_[own_slot()].mutex.unlock();
  }
  // Gives waiting readers the time to wake up, between two exclusive holds that are not urgent.
  void let_readers_pass() const {
    if (shut_out_.load(std::memory_order_relaxed) > 0)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  // Tells the thread-safety analysis that the caller is the only thread that changes the guarded data, so
  // that it may read them without the lock.
  void assert_writer_thread() const MINIKV_ASSERT_SHARED_CAPABILITY(this) {}
  // Tells the analysis that the caller holds the lock: for lambdas.
  void assert_shared() const MINIKV_ASSERT_SHARED_CAPABILITY(this) {}
  // Tells the analysis that no other thread has seen the guarded data yet: while a store is being opened.
  void assert_alone() const MINIKV_ASSERT_CAPABILITY(this) {}

 private:
  static constexpr std::size_t kSlots = 16;
  struct alignas(64) Slot {
    std::mutex mutex;
  };

  static std::size_t own_slot() {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t slot = threads.fetch_add(1, std::memory_order_relaxed) % kSlots;
    return slot;
  }

  std::array<Slot, kSlots> slots_;
  alignas(64) std::atomic<std::uint32_t> turn_{0};  // odd: a writer waits
  alignas(64) std::atomic<int> shut_out_{0};        // readers that wait
};

class MINIKV_SCOPED_CAPABILITY SharedGuard {
 public:
  explicit SharedGuard(ReaderLock& lock) MINIKV_ACQUIRE_SHARED(lock) : lock_(lock) { lock_.lock_shared(); }
  ~SharedGuard() MINIKV_RELEASE_GENERIC() { lock_.unlock_shared(); }
  SharedGuard(const SharedGuard&) = delete;
  SharedGuard& operator=(const SharedGuard&) = delete;

 private:
  ReaderLock& lock_;
};

class MINIKV_SCOPED_CAPABILITY ExclusiveGuard {
 public:
  explicit ExclusiveGuard(ReaderLock& lock) MINIKV_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~ExclusiveGuard() MINIKV_RELEASE() { lock_.unlock(); }
  ExclusiveGuard(const ExclusiveGuard&) = delete;
  ExclusiveGuard& operator=(const ExclusiveGuard&) = delete;

 private:
  ReaderLock& lock_;
};

}  // namespace minikv::engine
