// Numbers and sizes as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "minikv/status.h"

namespace minikv::server {

// A whole number, digits only. kInvalidArgument otherwise, also where it does not fit into 64 bits.
Result<std::uint64_t> parse_integer(std::string_view text);

// Bytes: "4096", "4096B", "512KiB", "64MiB", "2GiB", in any case, with or without a space before the unit.
// k, KB, M, MB, G and GB are refused, because half of the world reads 1000 there and the other half 1024.
Result<std::uint64_t> parse_size(std::string_view text);

// The shortest form that parse_size() reads back as the same number: "64MiB", "65535".
std::string format_size(std::uint64_t bytes);

}  // namespace minikv::server
