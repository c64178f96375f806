// The error of a full disk.
#include "engine/core/full_disk.h"

#include <fmt/format.h>

namespace minikv::engine {

Status disk_full(std::string_view directory, std::string_view why) {
  return {StatusCode::kDiskFull, fmt::format("{}: the disk is full: {}", directory, why)};
}

}  // namespace minikv::engine
