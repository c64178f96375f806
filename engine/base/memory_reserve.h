// Memory set aside for work that must not fail for lack of memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <new>

#include "engine/base/thread_annotations.h"

namespace minikv::engine {

// Once a group of writes is on disk, the writer must publish it, even if no memory is left: an index that
// lacks records of the log is wrong. So the writer makes sure of the memory that the index will need before
// it writes the group. Most of that is allocated beforehand. Tree nodes can't be: ReservedAllocator takes
// them from the reserve if the system has no more memory.
//
// The reserve is address space that nothing has been written to, so it costs no memory until it is needed.
// Pieces are given back as any other memory; a region goes back to the system when the reserve has retired it
// and all of its pieces have been given back.
//
// Thread safety: ensure(), relax() and take() by one thread at a time; give_back() by any.
class MemoryReserve {
 public:
  static constexpr std::size_t kStandingBytes = std::size_t{16} << 20;

  MemoryReserve() = default;
  ~MemoryReserve();
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;

  // Whether `bytes` bytes can be taken. About kStandingBytes are reserved all the time, so that small amounts
  // cost nothing.
  bool ensure(std::size_t bytes) noexcept;
  // The caller does not need what ensure() made sure of any more; very large regions go back to the system.
  void relax() noexcept;
  // Takes `bytes` at an address that is a multiple of 16; null: more than ensure() made sure of.
  void* take(std::size_t bytes) noexcept;
  // Gives back a piece; false: `memory` does not come from a reserve.
  static bool give_back(void* memory) noexcept {
    return taken_.load(std::memory_order_acquire) != 0 && give_back_taken(memory);
  }

  // As long as the object lives, ReservedAllocator on this thread falls back to `reserve`; null: it has no
  // fallback.
  class Use {
   public:
    explicit Use(MemoryReserve* reserve) noexcept : before_(current_) { current_ = reserve; }
    ~Use() { current_ = before_; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    MemoryReserve* before_;
  };
  static MemoryReserve* current() noexcept { return current_; }

 private:
  struct Region;

  static Region* map(std::size_t bytes) noexcept;
  static void retire(Region*& region) noexcept MINIKV_EXCLUDES(mutex_);
  static bool give_back_taken(void* memory) noexcept MINIKV_EXCLUDES(mutex_);
  static void unmap(Region* region) noexcept MINIKV_REQUIRES(mutex_);

  static thread_local MemoryReserve* current_;
  static std::atomic<std::size_t> taken_;  // pieces of all reserves that were not given back
  static Mutex mutex_;
  static Region* regions_ MINIKV_GUARDED_BY(mutex_);  // all, linked

  Region* standing_ = nullptr;
  Region* extra_ = nullptr;
};

// Allocates by operator new, and from the thread's reserve if that fails.
template <typename T>
class ReservedAllocator {
 public:
  using value_type = T;
  ReservedAllocator() = default;
  template <typename Other>
  ReservedAllocator(const ReservedAllocator<Other>&) noexcept {}

  T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    static_assert(alignof(T) <= 16);
    void* memory = ::operator new(count * sizeof(T), std::nothrow);
    if (memory == nullptr && MemoryReserve::current() != nullptr)
      memory = MemoryReserve::current()->take(count * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) noexcept {
    if (!MemoryReserve::give_back(static_cast<void*>(memory))) ::operator delete(static_cast<void*>(memory));
  }

  bool operator==(const ReservedAllocator&) const = default;
};

}  // namespace minikv::engine
