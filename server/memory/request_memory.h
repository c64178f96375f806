// Where the arguments of a request are, for as long as they are needed.
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

// The arguments of a request for as long as its task needs them: copied into one stretch; or where they have
// been read, of a request that was read into blocks of its own; or where something else keeps them. Views
// into it stay valid when it is moved.
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class ArgumentArena {
 public:
  // For arguments that are copied: so many bytes of them.
  explicit ArgumentArena(std::size_t capacity) { make_room(capacity); }
  // For the arguments of a request that is in `blocks`. What is not in them takes make_room().
  explicit ArgumentArena(std::vector<Block> blocks) {
    if (blocks.empty()) return;
    std::sort(blocks.begin(), blocks.end(),
              [](const Block& a, const Block& b) { return a.memory.get() < b.memory.get(); });
    for (const Block& block : blocks) capacity_ += block.capacity;
    elsewhere_ = std::make_unique<Elsewhere>();
    elsewhere_->blocks = std::move(blocks);
  }
  // For `bytes` of arguments that are kept elsewhere for as long.
  static ArgumentArena borrowed(std::size_t bytes) {
    ArgumentArena memory(0);
    memory.elsewhere_ = std::make_unique<Elsewhere>();
    memory.elsewhere_->is_borrowed = true;
    memory.elsewhere_->borrowed_bytes = bytes;
    return memory;
  }

  // Once, before anything is kept that has to be copied.
  void make_room(std::size_t bytes) {
    assert(!copies_ && used_ == 0);
    if (bytes > 0) copies_ = std::make_unique_for_overwrite<char[]>(bytes);
    capacity_ += bytes;
  }
  bool has(std::string_view bytes) const {
    return elsewhere_ && (bytes.empty() || elsewhere_->has(bytes.data()));
  }
  // The same bytes, where they stay.
  std::string_view keep(std::string_view bytes) {
    if (has(bytes)) return bytes;
    assert(copies_ || bytes.empty());
    char* const place = copies_.get() + used_;
    if (!bytes.empty()) std::memcpy(place, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {place, bytes.size()};
  }
  // What it occupies, in bytes.
  std::size_t capacity() const { return capacity_; }
  // At least as many bytes as the arguments have.
  std::size_t argument_bytes() const { return capacity_ + (elsewhere_ ? elsewhere_->borrowed_bytes : 0); }
  // What was copied.
  std::string_view kept() const { return {copies_.get(), used_}; }

 private:
  struct Elsewhere {
    std::vector<Block> blocks;  // by address
    std::size_t last = 0;       // the one that was found last
    bool is_borrowed = false;
    std::size_t borrowed_bytes = 0;

    // Arguments are asked for in the order in which they were read, so most are where the one before was.
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
  std::unique_ptr<Elsewhere> elsewhere_;  // null: all are copied
};

}  // namespace minikv::server
