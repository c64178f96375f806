// Sharing out the budget for replies.
#include "server/net/reply_budget.h"

#include <algorithm>

namespace minikv::server {

std::size_t ReplyBudget::limit() const {
  const ServerOptions& options = server_.options;
  const std::size_t budget = options.max_total_output_bytes;
  const std::size_t waiting = server_.counters.replies_waiting.get();
  if (waiting <= budget / 2) return options.max_output_bytes;
  const double left = static_cast<double>(budget - std::min(waiting, budget)) / static_cast<double>(budget);
  const auto part = static_cast<std::size_t>(2 * left * static_cast<double>(options.max_output_bytes));
  return std::min(std::max(part, kMinBytes), options.max_output_bytes);
}

}  // namespace minikv::server
