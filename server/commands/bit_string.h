// A value as a string of bits: bit 0 is the highest of the first byte, as in Redis.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/commands/position_range.h"

namespace minikv::server {

// Bits behind the end are 0.
bool bit_at(std::string_view bytes, std::uint64_t bit);
// The bit has to lie within `bytes`.
void set_bit(std::string& bytes, std::uint64_t bit, bool on);

// How many bits are set within `bits`, which has to lie within `bytes`.
std::uint64_t count_bits(std::string_view bytes, const PositionRange& bits);

// The first bit within `bits` that is `on`; `bits` has to lie within `bytes`.
std::optional<std::uint64_t> find_bit(std::string_view bytes, bool on, const PositionRange& bits);

}  // namespace minikv::server
