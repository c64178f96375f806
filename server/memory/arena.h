// Memory for many small things that go together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace minikv::server {

// The arena grows by pieces, each as large as all before it together, up to kLargestBytes; a longer object
// gets a piece of its own size. The pieces of a large arena are so large that the allocator takes them from
// the system, and gives them back to it. The arena runs no destructors.
// Thread safety: none.
class Arena {
 public:
  std::string_view copy(std::string_view bytes) {
    if (bytes.empty()) return {};
    char* const place = allocate(bytes.size(), 1);
    std::memcpy(place, bytes.data(), bytes.size());
    return {place, bytes.size()};
  }
  template <typename T>
  std::span<T> copy_all(std::span<const T> objects) {
    static_assert(std::is_trivially_destructible_v<T>);
    T* const first = reinterpret_cast<T*>(allocate(objects.size_bytes(), alignof(T)));
    std::uninitialized_copy(objects.begin(), objects.end(), first);
    return {first, objects.size()};
  }
  std::size_t memory() const { return memory_; }

 private:
  static constexpr std::size_t kFirstBytes = 512;
  static constexpr std::size_t kLargestBytes = 1024 * 1024;

  char* allocate(std::size_t bytes, std::size_t alignment) {
    const std::size_t gap = (alignment - reinterpret_cast<std::uintptr_t>(at_) % alignment) % alignment;
    if (gap + bytes > static_cast<std::size_t>(end_ - at_)) {
      const std::size_t size = std::max(bytes, std::clamp(memory_, kFirstBytes, kLargestBytes));
      pieces_.push_back(std::make_unique_for_overwrite<char[]>(size));
      memory_ += size;
      at_ = pieces_.back().get();
      end_ = at_ + size;
      return take(0, bytes);
    }
    return take(gap, bytes);
  }
  char* take(std::size_t gap, std::size_t bytes) {
    char* const place = at_ + gap;
    at_ = place + bytes;
    return place;
  }

  std::vector<std::unique_ptr<char[]>> pieces_;
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::size_t memory_ = 0;
};

}  // namespace minikv::server
