// Uses the C library's long double: 17 digits after the point, without zeros at the end, as Redis has it.
#include "server/commands/decimal.h"

#include <array>
#include <cerrno>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace minikv::server {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::optional<long double> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > kMaxDecimalBytes || is_space(text.front())) return std::nullopt;
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  const long double number = std::strtold(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size() || std::isnan(number)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(number) || number == 0)) return std::nullopt;
  return number;
}

std::string format_decimal(long double number) {
  // Not by fmt, which writes other digits of small long doubles.
  std::array<char, kMaxDecimalBytes + 1> buffer;
  static_assert(LDBL_MAX_10_EXP + 21 <= kMaxDecimalBytes, "sign, digits, point and 17 digits more");
  const int bytes = std::snprintf(buffer.data(), buffer.size(), "%.17Lf", number);
  std::string text(buffer.data(), static_cast<std::size_t>(bytes));
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

}  // namespace minikv::server
