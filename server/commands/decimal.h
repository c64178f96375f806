// Numbers with a fraction, as INCRBYFLOAT reads and writes them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace minikv::server {

// A longer text is no number.
inline constexpr std::size_t kMaxDecimalBytes = 5 * 1024 - 1;

// Reads a number as Redis does: all that C's strtold() takes (exponents, hexadecimal digits, infinities),
// without spaces. Nothing if the text is no number, or if the number is too large, or so small that it
// becomes 0.
std::optional<long double> parse_decimal(std::string_view text);

// Writes a number as Redis does: at most 17 digits behind the point, no zeros at the end, no exponent, no
// "-0". `number` is neither infinite nor NaN.
std::string format_decimal(long double number);

}  // namespace minikv::server
