// A vector that grows without copying what it has, and gives back what it does not need.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace minikv::engine {

// Elements lie in chunks of kChunk. A std::vector that grows copies all of them at once: with millions of
// elements that takes tens of milliseconds, and three times the memory meanwhile.
//
// Thread safety: as std::vector.
template <typename T, std::size_t kChunk = 1024>
class ChunkedVector {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  using Chunks = std::vector<std::unique_ptr<T[]>>;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return chunks_[i / kChunk][i % kChunk]; }
  const T& operator[](std::size_t i) const { return chunks_[i / kChunk][i % kChunk]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  // Makes room for `size` elements in all; push_back() does not allocate up to that size.
  void reserve(std::size_t size) {
    while (chunks_.size() * kChunk < size) chunks_.push_back(std::make_unique_for_overwrite<T[]>(kChunk));
  }
  T& push_back(const T& element) {
    reserve(size_ + 1);
    return (*this)[size_++] = element;
  }
  // Removes the elements behind the first `size`, and keeps their memory.
  void cut(std::size_t size) {
    assert(size <= size_);
    size_ = size;
  }
  // Removes all elements, and keeps memory for about `room` of them. Returns the other chunks, because
  // freeing them may take a while.
  Chunks clear(std::size_t room) {
    size_ = 0;
    const std::size_t kept = (room + kChunk - 1) / kChunk;
    Chunks rest;
    if (chunks_.size() <= kept) return rest;
    rest.swap(chunks_);
    chunks_.reserve(kept);
    for (std::size_t i = 0; i < kept; ++i) chunks_.push_back(std::move(rest[i]));
    return rest;
  }

 private:
  Chunks chunks_;
  std::size_t size_ = 0;
};

}  // namespace minikv::engine
