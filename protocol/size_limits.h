// The lengths of keys and values within a request, wherever its command has them.
#pragma once

#include <optional>
#include <span>

#include "protocol/errors.h"
#include "protocol/parse_result.h"
#include "protocol/request.h"

namespace minikv::protocol {

// Which argument is a key follows from first_key, last_key and key_step; the other arguments of a command
// that writes are held to the limit for values. `args` without the verb.
std::optional<ErrorReply> check_sizes(const CommandSpec& command, std::span<const Arg> args,
                                      const ParserLimits& limits);

}  // namespace minikv::protocol
