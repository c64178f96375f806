// An allocator for large arrays that are needed for a short time.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace minikv::engine {

// Each allocation is a mapping of its own, so that its memory goes back to the system as soon as it is freed:
// malloc may keep freed memory for good. Thread safety: all members may be called from any thread.
template <typename T>
struct MappedAllocator {
  using value_type = T;
  MappedAllocator() = default;
  template <typename Other>
  explicit MappedAllocator(const MappedAllocator<Other>&) {}

  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    void* const memory =
        ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) { ::munmap(static_cast<void*>(memory), count * sizeof(T)); }

  bool operator==(const MappedAllocator&) const = default;
};

}  // namespace minikv::engine
