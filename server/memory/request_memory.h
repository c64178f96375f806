// The argument arena, which keeps the arguments of a request.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace minikv::server {

// A stretch of memory that bytes are read into.
struct Block {
  std::unique_ptr<char[]> memory;
  std::size_t capacity = 0;

  static Block make(std::size_t bytes) { return {std::make_unique_for_overwrite<char[]>(bytes), bytes}; }
  explicit operator bool() const { return memory != nullptr; }
};

// Keeps the arguments of a request for as long as its task needs them. The arena holds copies in one stretch,
// or the blocks that the request was read into, or refers to arguments that another object keeps. Views into
// the arena stay valid when it is moved.
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class ArgumentArena {
 public:
  // For copied arguments of `capacity` bytes together.
  explicit ArgumentArena(std::size_t capacity) { make_room(capacity); }
  // For the arguments of a request that is in `blocks`. Arguments outside of them need make_room().
  explicit ArgumentArena(std::vector<Block> blocks) {
    if (blocks.empty()) return;
    std::sort(blocks.begin(), blocks.end(),
              [](const Block& a, const Block& b) { return a.memory.get() < b.memory.get(); });
    for (const Block& block : blocks) capacity_ += block.capacity;
    elsewhere_ = std::make_unique<Elsewhere>();
    elsewhere_->blocks = std::move(blocks);
  }
  // For `bytes` of arguments that another object keeps for as long.
  static ArgumentArena borrowed(std::size_t bytes) {
    ArgumentArena memory(0);
    memory.elsewhere_ = std::make_unique<Elsewhere>();
    memory.elsewhere_->is_borrowed = true;
    memory.elsewhere_->borrowed_bytes = bytes;
    return memory;
  }

  // To be called at most once, before keep() has to copy anything.
  void make_room(std::size_t bytes) {
    assert(!copies_ && used_ == 0);
    if (bytes > 0) copies_ = std::make_unique_for_overwrite<char[]>(bytes);
    capacity_ += bytes;
  }
  bool has(std::string_view bytes) const {
    return elsewhere_ && (bytes.empty() || elsewhere_->has(bytes.data()));
  }
  // Returns the same bytes, at a place where they stay.
  std::string_view keep(std::string_view bytes) {
    if (has(bytes)) return bytes;
    assert(copies_ || bytes.empty());
    char* const place = copies_.get() + used_;
    if (!bytes.empty()) std::memcpy(place, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {place, bytes.size()};
  }
  // The memory that the arena occupies, in bytes.
  std::size_t capacity() const { return capacity_; }
  // An upper bound of the arguments' bytes.
  std::size_t argument_bytes() const { return capacity_ + (elsewhere_ ? elsewhere_->borrowed_bytes : 0); }
  // The bytes that were copied.
  std::string_view kept() const { return {copies_.get(), used_}; }

 private:
  struct Elsewhere {
    std::vector<Block> blocks;  // by address
    std::size_t last = 0;       // the block that was found last
    bool is_borrowed = false;
    std::size_t borrowed_bytes = 0;

    // Callers ask in the order in which the arguments were read, so most arguments are in the same block as
    // the one before.
    bool has(const char* byte) {
      if (is_borrowed) return true;
      if (last < blocks.size() && is_in(blocks[last], byte)) return true;
      const auto behind =
          std::upper_bound(blocks.begin(), blocks.end(), byte,
                           [](const char* place, const Block& block) { return place < block.memory.get(); });
      if (behind == blocks.begin() || !is_in(*std::prev(behind), byte)) return false;
      last = static_cast<std::size_t>(std::prev(behind) - blocks.begin());
      return true;
    }
    static bool is_in(const Block& block, const char* byte) {
      return byte >= block.memory.get() && byte < block.memory.get() + block.capacity;
    }
  };

  std::unique_ptr<char[]> copies_;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
  std::unique_ptr<Elsewhere> elsewhere_;  // null: all arguments are copied
};

}  // namespace minikv::server
