// The requests of a transaction that is being queued.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "protocol/request.h"
#include "server/memory/arena.h"
#include "server/memory/request_memory.h"

namespace minikv::server {

// The requests of a client between MULTI and EXEC. Their memory is in few large pieces, so that it goes back
// to the system when it is freed.
// Thread safety: none.
class Multi {
 public:
  // All requests of one transaction are in the dialect that it was opened in.
  explicit Multi(protocol::Dialect dialect) : dialect_(dialect) {}

  protocol::Dialect dialect() const { return dialect_; }
  // Copies the arguments, except those in `blocks`, and keeps the blocks. `bytes`: the result of bytes_of().
  // To be called while !is_spoiled() only: a transaction that EXEC will refuse keeps no further requests.
  void add(const protocol::RequestView& request, std::size_t bytes, std::vector<Block> blocks);
  // A request was refused: EXEC will refuse the whole transaction.
  void spoil() { spoiled_ = true; }
  bool is_spoiled() const { return spoiled_; }
  // An upper bound of the bytes that the requests add to the log.
  std::size_t bytes() const { return bytes_; }
  // Whether one of the requests walks over keys.
  bool walks() const { return walks_; }
  // The memory that the requests occupy, and how much a further request might, in bytes.
  std::size_t memory() const { return arena_.memory() + queued_.capacity() * sizeof(Queued) + block_bytes_; }
  static std::size_t bytes_of(const protocol::RequestView& request);

  std::size_t size() const { return queued_.size(); }
  // The request number `i`, which is less than size(). Its views hold as long as the Multi lives.
  protocol::RequestView get(std::size_t i) const;

 private:
  struct Queued {
    const protocol::CommandSpec* command = nullptr;
    std::string_view verb, subcommand;
    const protocol::Arg* args = nullptr;
    std::size_t count = 0;
  };

  protocol::Dialect dialect_;
  bool spoiled_ = false;
  bool walks_ = false;
  std::size_t bytes_ = 0;
  std::size_t block_bytes_ = 0;
  Arena arena_;
  std::vector<ArgumentArena> blocks_;
  std::vector<Queued> queued_;
};

}  // namespace minikv::server
