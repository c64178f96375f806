// What the commands with subcommands have in common.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "server/request/context.h"

namespace minikv::server {

// As Redis names it: "get", "client|setname".
inline std::string_view name_of(const protocol::CommandSpec& command) {
  return command.resp_name.empty() ? command.name : command.resp_name;
}

// More names than this are refused: nobody needs them, and the answer would be many times as long as the
// request.
inline constexpr std::size_t kMaxNames = 1024;

// Patterns for names, whose matching takes the event loop no noticeable time; or the error, if they are
// longer than anybody needs.
std::optional<protocol::ErrorReply> refuse_long_patterns(std::span<const protocol::Arg> patterns);

// What CLIENT HELP, CONFIG HELP and so on answer.
void tell_subcommands(const Context& context);

}  // namespace minikv::server
