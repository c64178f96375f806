// Reads GETs as nearly all clients write them, and stops at anything else.
#include "protocol/peek.h"

namespace minikv::protocol {
namespace {

constexpr std::string_view kHead = "*2\r\n$3\r\n", kBeforeKey = "\r\n$", kLineEnd = "\r\n";
constexpr std::size_t kMaxKeyDigits = 5;  // of a key's length

// Takes `wanted` away from the front of `input`.
bool take(std::string_view& input, std::string_view wanted) {
  if (!input.starts_with(wanted)) return false;
  input.remove_prefix(wanted.size());
  return true;
}

bool take_get(std::string_view& input) {
  constexpr std::string_view kName = "get";
  if (input.size() < kName.size()) return false;
  for (std::size_t i = 0; i < kName.size(); ++i) {
    if ((input[i] | 0x20) != kName[i]) return false;
  }
  input.remove_prefix(kName.size());
  return true;
}

bool take_number(std::string_view& input, std::size_t& number) {
  number = 0;
  std::size_t digits = 0;
  for (; digits < input.size() && input[digits] >= '0' && input[digits] <= '9'; ++digits) {
    if (digits == kMaxKeyDigits) return false;
    number = 10 * number + static_cast<std::size_t>(input[digits] - '0');
  }
  input.remove_prefix(digits);
  return digits > 0;
}

}  // namespace

std::size_t peek_gets(std::string_view input, std::span<std::string_view> keys) {
  std::size_t found = 0;
  std::size_t length = 0;
  while (found < keys.size()) {
    if (!take(input, kHead) || !take_get(input) || !take(input, kBeforeKey)) break;
    if (!take_number(input, length) || !take(input, kLineEnd) || input.size() < length) break;
    keys[found++] = input.substr(0, length);
    input.remove_prefix(length);
    if (!take(input, kLineEnd)) break;
  }
  return found;
}

}  // namespace minikv::protocol
