// Goes over the arguments once, by the table's key positions.
#include "protocol/size_limits.h"

#include <cstddef>

namespace minikv::protocol {
namespace {

// `position` counts from 1, as the verb has 0.
bool is_key(const CommandSpec& command, std::size_t position, std::size_t args) {
  if (command.first_key == 0) return false;
  const auto first = static_cast<std::size_t>(command.first_key);
  const std::size_t last = command.last_key < 0 ? args : static_cast<std::size_t>(command.last_key);
  const auto step = static_cast<std::size_t>(command.key_step);
  return position >= first && position <= last && (position - first) % step == 0;
}

}  // namespace

std::optional<ErrorReply> check_sizes(const CommandSpec& command, std::span<const Arg> args,
                                      const ParserLimits& limits) {
  const bool writes = (command.flags & kFlagWrite) != 0;
  for (std::size_t at = 0; at < args.size(); ++at) {
    const std::size_t size = args[at].bytes.size();
    if (size <= limits.max_key_bytes && size <= limits.max_value_bytes) continue;
    if (is_key(command, at + 1, args.size())) {
      if (size > limits.max_key_bytes) return errors::key_too_long(limits.max_key_bytes);
    } else if (writes && size > limits.max_value_bytes) {
      return errors::value_too_long(limits.max_value_bytes);
    }
  }
  return std::nullopt;
}

}  // namespace minikv::protocol
