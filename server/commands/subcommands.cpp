// A limit on patterns for names, and the list of subcommands that HELP shows.
#include "server/commands/subcommands.h"

#include <fmt/format.h>

#include "protocol/syntax.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::CommandSpec;

std::optional<protocol::ErrorReply> refuse_long_patterns(std::span<const protocol::Arg> patterns) {
  constexpr std::size_t kMaxBytes = 16 * 1024;
  std::size_t bytes = 0;
  for (const protocol::Arg& pattern : patterns) bytes += pattern.bytes.size() + 1;
  if (bytes <= kMaxBytes) return std::nullopt;
  return errors::out_of_range(
      fmt::format("patterns for names have at most {} bytes, all together", kMaxBytes));
}

// In Redis' layout: a line for each subcommand, and an indented one that says what it does.
void tell_subcommands(const Context& context) {
  const CommandSpec& container = protocol::command_spec(context.command.container);
  const auto subcommands = protocol::subcommands_of(container.id);
  const std::size_t name_bytes = container.resp_name.size() + 1;
  context.reply.array(1 + 2 * subcommands.size());
  context.reply.simple(protocol::resp_usage(container).substr(0, container.resp_name.size()) +
                       " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const CommandSpec& one : subcommands) {
    context.reply.simple(protocol::resp_usage(one).substr(name_bytes));
    context.reply.simple(fmt::format("    {}", one.summary));
  }
}

}  // namespace minikv::server
