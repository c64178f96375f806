// Numbers with a fraction, as INCRBYFLOAT reads and writes them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace minikv::server {

// What is longer is no number.
inline constexpr std::size_t kMaxDecimalBytes = 5 * 1024 - 1;

// As Redis reads them: all that C's strtold() takes (exponents, hexadecimal digits, infinities), without
// spaces. Nothing for what is no number, or too large, or so small that nothing is left of it.
std::optional<long double> parse_decimal(std::string_view text);

// As Redis writes them: 17 digits behind the point at most, no zeros at the end, no exponent, no "-0". For
// what is neither infinite nor NaN.
std::string format_decimal(long double number);

}  // namespace minikv::server
