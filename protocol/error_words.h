// Helpers of the functions that make errors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "protocol/errors.h"

namespace minikv::protocol {

// The maximum of a client's bytes that an error echoes.
inline constexpr std::size_t kMaxEchoedBytes = 128;

// Redis shows a name by printf's %.128s, which also ends at a NUL.
inline std::string_view as_redis_shows(std::string_view bytes, std::size_t at_most = kMaxEchoedBytes) {
  bytes = bytes.substr(0, at_most);
  return bytes.substr(0, bytes.find('\0'));
}

// "EXEC", "CLIENT|SETNAME".
inline std::string upper_name(const CommandSpec& command) {
  std::string upper(command.resp_name);
  std::ranges::transform(upper, upper.begin(), to_upper);
  return upper;
}

// The same sentence in both dialects.
inline ErrorReply in_both(ErrorCode code, std::string_view resp_prefix, std::string sentence) {
  std::string resp = fmt::format("{} {}", resp_prefix, sentence);
  return {code, std::move(sentence), std::move(resp)};
}

}  // namespace minikv::protocol
