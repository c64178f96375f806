// What has been read from a connection and is not carried out yet.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/parser.h"
#include "server/memory/request_memory.h"

namespace minikv::server {

// Blocks for the input of connections that have something to read right now, shared by all of a loop, so that
// an idle connection holds none.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;

  Block take();
  // Takes back a block that take() has given.
  void give_back(Block block);

 private:
  static constexpr std::size_t kSpareBlocks = 64;
  std::vector<Block> spare_;
};

// Requests that fit are read and parsed in one block. A longer request is read into several blocks, and stays
// where it was read. A long argument gets a block of its own, of its size, so that only those of its bytes
// are moved that came together with its length.
//
// Thread safety: as its pool.
class RequestInput {
 public:
  explicit RequestInput(BlockPool& pool) : pool_(pool) {}
  ~RequestInput() { release(); }
  RequestInput(const RequestInput&) = delete;
  RequestInput& operator=(const RequestInput&) = delete;

  // The input that the parser has not used up.
  std::string_view view() const { return {block_.memory.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  // Room that is there without more memory.
  std::size_t free_bytes() const { return block_.capacity - end_; }

  // How many bytes of memory prepare() will take beyond the first block; 0 while there is room to read.
  std::size_t grows_by(const protocol::RequestParser& parser) const {
    return !block_ || block_.capacity - end_ >= kWorthAReadBytes ? 0 : grows_by_a_block(parser);
  }
  // Returns room to read into, never none. May move what view() shows; the parser, which has to have seen all
  // of it, is told. Throws std::bad_alloc: the request that is arriving then has to be given up.
  std::span<char> prepare(protocol::RequestParser& parser);
  // `bytes` have been read into the room.
  void commit(std::size_t bytes) {
    assert(bytes <= block_.capacity - end_);
    end_ += bytes;
  }
  // `bytes` at the front of view() have been used up.
  void consume(std::size_t bytes) {
    assert(bytes <= size());
    begin_ += bytes;
  }

  // Whether the request that was parsed last is in blocks of its own. They stay until take_blocks() or
  // drop_blocks() is called, which has to happen before the next request is parsed.
  bool has_own_blocks() const { return !kept_.empty() || block_.capacity > BlockPool::kBlockBytes; }
  std::vector<Block> take_blocks();
  void drop_blocks();

  // Gives the block back if everything has been used up.
  void release_if_empty() {
    if (begin_ == end_ && kept_.empty()) release();
  }
  // The memory that is held, in bytes.
  std::size_t memory() const { return block_.capacity + kept_bytes_; }

 private:
  static constexpr std::size_t kWorthAReadBytes = 4096;

  std::size_t grows_by_a_block(const protocol::RequestParser& parser) const;
  bool can_move_to_the_front(const protocol::RequestParser& parser) const;
  std::size_t next_capacity(std::size_t rest, const protocol::RequestParser& parser) const;
  void release();

  BlockPool& pool_;
  Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<Block> kept_;  // with the beginning of the request under way
  std::size_t kept_bytes_ = 0;
};

}  // namespace minikv::server
