// The bytes of a connection that have been read and not yet been used up.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace minikv::server {

// Blocks for the input of connections that have something to read right now, shared by all of a loop, so that an idle
// connection holds none.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;

  std::unique_ptr<char[]> take();
  void give_back(std::unique_ptr<char[]> block);

 private:
  static constexpr std::size_t kSpareBlocks = 64;
  std::vector<std::unique_ptr<char[]>> spare_;
};

// Thread safety: as its pool.
class InputBuffer {
 public:
  explicit InputBuffer(BlockPool& pool) : pool_(pool) {}
  ~InputBuffer() { release(); }
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  std::string_view view() const { return {block_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }

  // Room to read into, never none. Memory grows with what has arrived, at most to twice of it. Moves what view() shows.
  std::span<char> prepare();
  void commit(std::size_t bytes) { end_ += bytes; }
  void consume(std::size_t bytes) { begin_ += bytes; }
  // Gives the block back if everything has been used up.
  void release_if_empty() {
    if (begin_ == end_) release();
  }

 private:
  void release();

  BlockPool& pool_;
  std::unique_ptr<char[]> block_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace minikv::server
