// Defaults that depend on the machine, and settings that do not go together.
#include "server/config/config.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "server/config/size.h"

namespace minikv::server {

std::uint64_t default_io_threads() {
  return std::clamp<std::uint64_t>(std::thread::hardware_concurrency() / 2, 1, 4);
}

Status check_together(const Config& config) {
  // A batch holds keys and record headers beside the values.
  const std::uint64_t largest_write = config.max_value_bytes + config.max_key_bytes;
  if (largest_write > config.max_batch_bytes) {
    return {
        StatusCode::kInvalidArgument,
        fmt::format(
            "max_batch_bytes ({}) is too small for one write of max_value_bytes ({}) and max_key_bytes ({}); "
            "raise it, or lower max_value_bytes",
            format_size(config.max_batch_bytes), format_size(config.max_value_bytes),
            format_size(config.max_key_bytes))};
  }
  constexpr std::uint64_t kMinClientMemory = 16 * kMiB;
  if (config.max_client_memory != 0 && config.max_client_memory < kMinClientMemory) {
    return {
        StatusCode::kInvalidArgument,
        fmt::format("max_client_memory ({}) is too small to serve anybody: give it {} or more, or 0 for what "
                    "suits the machine",
                    format_size(config.max_client_memory), format_size(kMinClientMemory))};
  }
  return Status::ok();
}

}  // namespace minikv::server
