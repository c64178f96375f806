// Whether work on a worker may go on.
#include "server/request/aside.h"

#include <utility>

namespace minikv::server {
namespace {

// The maximum between two looks at the time. In a longer gap the process did not run.
constexpr std::chrono::seconds kMaxWork{1};

}  // namespace

bool Aside::may_go_on() {
  if (cancelled_->load(std::memory_order_relaxed)) {
    error_ = protocol::errors::shutting_down();
    return false;
  }
  const Clock::time_point before = std::exchange(looked_at_, Clock::now());
  const Clock::duration gap = looked_at_ - before;
  if (gap > kMaxWork && deadline_ < Clock::time_point::max() - gap) deadline_ += gap;
  if (looked_at_ < deadline_) return true;
  error_ = protocol::errors::took_too_long(static_cast<std::uint64_t>(limit_.count()));
  return false;
}

bool Aside::may_hold(std::uint64_t bytes) {
  if (bytes <= share_.bytes()) return true;
  // Takes more than is needed, so that not every key has to ask the budget.
  constexpr std::uint64_t kStep = std::uint64_t{1} << 20;
  const std::uint64_t more = bytes - share_.bytes() + kStep;
  if (share_.bytes() + more <= memory_.most_for_one() && share_.try_add(more)) return true;
  memory_.count_refusal();
  error_ = protocol::errors::out_of_memory(
      "the reply does not fit into max_client_memory; ask for less at a time, as with SCAN");
  return false;
}

}  // namespace minikv::server
