// How much an iteration of an event loop may receive and send.
#pragma once

#include <algorithm>
#include <cstddef>

namespace minikv::server {

// When the budget is used up, all but short transfers wait for the next iteration. So other connections wait
// for a few milliseconds only, however many have much to send or to receive.
//
// Thread safety: used on the loop only.
class ByteBudget {
 public:
  bool has_left() const { return bytes_ > 0; }
  void spend(std::size_t bytes) { bytes_ -= std::min(bytes, bytes_); }
  // To be called at the beginning of an iteration.
  void refill() { bytes_ = kIterationBytes; }

 private:
  static constexpr std::size_t kIterationBytes = 4 * 1024 * 1024;

  std::size_t bytes_ = 0;
};

}  // namespace minikv::server
