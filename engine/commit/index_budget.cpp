// The refusal where the index has reached its maximum size.
#include "engine/commit/index_budget.h"

#include <fmt/format.h>

namespace minikv::engine {

Status IndexBudget::refusal(std::uint64_t limit) {
  return {
      StatusCode::kOutOfMemory,
      fmt::format(
          "the keys take all of the memory that they may, {} bytes (max_index_memory): nothing was changed; "
          "delete some, or raise the setting",
          limit)};
}

}  // namespace minikv::engine
