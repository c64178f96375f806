// How many bytes of replies may wait for a client to take them.
#pragma once

#include <cassert>
#include <cstddef>

#include "server/request/state.h"

namespace minikv::server {

// A client's part of the budget for the replies of all clients, and what it has of it. All of the part while
// there is plenty; the rest of the budget is shared out in smaller and smaller parts.
//
// Thread safety: used on one event loop; those of others share the count of all.
class ReplyBudget {
 public:
  explicit ReplyBudget(ServerState& server) : server_(server) {}
  ReplyBudget(const ReplyBudget&) = delete;
  ReplyBudget& operator=(const ReplyBudget&) = delete;
  ~ReplyBudget() { assert(accounted_ == 0); }

  // How many bytes there may be, before the client is not read from any more. kMinBytes at least.
  std::size_t limit() const;
  bool is_exceeded_by(std::size_t bytes) const { return bytes > kMinBytes && bytes > limit(); }
  // Counts `bytes` for this client from now on, instead of what was counted before. Has to be 0 in the end.
  void account(std::size_t bytes) {
    if (bytes == accounted_) return;
    Counter& all = server_.counters.replies_waiting;
    bytes > accounted_ ? all.add(bytes - accounted_) : all.subtract(accounted_ - bytes);
    accounted_ = bytes;
  }

 private:
  // So many bytes of replies every client may have waiting, however many others have.
  static constexpr std::size_t kMinBytes = 64 * 1024;

  ServerState& server_;
  std::size_t accounted_ = 0;
};

}  // namespace minikv::server
