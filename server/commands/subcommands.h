// What the commands with subcommands have in common.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "server/request/context.h"

namespace minikv::server {

// The command's name in Redis: "get", "client|setname".
inline std::string_view name_of(const protocol::CommandSpec& command) {
  return command.resp_name.empty() ? command.name : command.resp_name;
}

// The maximum of names in a request: the answer to more would be many times as long as the request.
inline constexpr std::size_t kMaxNames = 1024;

// The error if patterns for names are too long: matching them must take the event loop no noticeable time.
std::optional<protocol::ErrorReply> refuse_long_patterns(std::span<const protocol::Arg> patterns);

// Answers CLIENT HELP, CONFIG HELP and so on.
void tell_subcommands(const Context& context);

}  // namespace minikv::server
