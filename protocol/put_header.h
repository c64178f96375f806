// The line of a `put`: key, length, options. The line says how many bytes follow, so it is checked before
// they arrive.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "protocol/errors.h"
#include "protocol/request.h"

namespace minikv::protocol {

// The length that the line declares; nothing if it has no valid one. `args` are its arguments.
std::optional<std::uint64_t> put_length(std::span<const Arg> args);

// What is wrong with the options: the third argument and those behind it.
std::optional<ErrorReply> check_put_options(const CommandSpec& put, std::span<const Arg> options);

}  // namespace minikv::protocol
