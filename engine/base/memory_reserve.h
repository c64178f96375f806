// Memory set aside for what must not fail for lack of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <new>

#include "engine/base/thread_annotations.h"

namespace minikv::engine {

// Once a group of writes is on disk it has to be seen by readers, whatever memory is left by then: a store
// whose index does not know what its log holds is wrong. So what the index will need is made sure of before
// the group is written. Most of it is taken beforehand; the nodes of its trees can't be, and are allocated by
// ReservedAllocator, which goes to the reserve where the system has nothing more to give.
//
// The reserve is address space that nothing has been written to, so it costs no memory until it is needed.
// Memory that was taken from it is given back as any other; a region of it goes back to the system when all
// of it has been.
//
// Thread safety: ensure(), relax() and take() by one thread at a time; give_back() by any.
class MemoryReserve {
 public:
  static constexpr std::size_t kStandingBytes = std::size_t{16} << 20;

  MemoryReserve() = default;
  ~MemoryReserve();
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;

  // Whether so many bytes can be taken. Up to kStandingBytes are held all the time, so that this costs
  // nothing.
  bool ensure(std::size_t bytes) noexcept;
  // What was made sure of is not needed any more; very large amounts are let go of.
  void relax() noexcept;
  // At an address that is a multiple of 16; null: more than was made sure of.
  void* take(std::size_t bytes) noexcept;
  // False: it does not come from a reserve.
  static bool give_back(void* memory) noexcept {
    return taken_.load(std::memory_order_acquire) != 0 && give_back_taken(memory);
  }

  // For as long as it lives, what ReservedAllocator can't get otherwise on this thread comes from `reserve`;
  // null: it can't be had.
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

// operator new, and the thread's reserve if that has nothing.
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
