// mmap(2) behind the Mapping interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/io/file_system.h"

namespace minikv::engine {

// The mapping outlives the descriptor.
Result<std::unique_ptr<Mapping>> map_posix_file(int fd, const std::string& path, std::uint64_t length);

}  // namespace minikv::engine
