// How many bytes of replies may wait for a client to take them.
#pragma once

#include <cassert>
#include <cstddef>

#include "server/request/state.h"

namespace minikv::server {

// A client's part of the budget for the replies of all clients, and what the client has of it. The part is
// max_output_bytes while at most half of the budget is used; as the rest fills up, the part gets smaller and
// smaller.
//
// Thread safety: used on one event loop; objects on all loops share the server's count.
class ReplyBudget {
 public:
  explicit ReplyBudget(ServerState& server) : server_(server) {}
  ReplyBudget(const ReplyBudget&) = delete;
  ReplyBudget& operator=(const ReplyBudget&) = delete;
  ~ReplyBudget() { assert(accounted_ == 0); }

  // The bytes of replies beyond which the client is not read from; kMinBytes at least.
  std::size_t limit() const;
  bool is_exceeded_by(std::size_t bytes) const { return bytes > kMinBytes && bytes > limit(); }
  // Counts `bytes` for this client, instead of what was counted before. The last call has to count 0.
  void account(std::size_t bytes) {
    if (bytes == accounted_) return;
    Counter& all = server_.counters.replies_waiting;
    bytes > accounted_ ? all.add(bytes - accounted_) : all.subtract(accounted_ - bytes);
    accounted_ = bytes;
  }

 private:
  // Every client may have this many bytes of replies waiting, however many others have.
  static constexpr std::size_t kMinBytes = 64 * 1024;

  ServerState& server_;
  std::size_t accounted_ = 0;
};

}  // namespace minikv::server
