// CRC-32C by ISA-L.
#pragma once

#include <cstdint>
#include <string_view>

namespace minikv::engine {

// The checksum of `bytes`, continued from `crc`; begin with 0.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace minikv::engine
