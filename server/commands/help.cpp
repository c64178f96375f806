// HELP: the table of commands, for people.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "protocol/syntax.h"
#include "server/commands/handlers.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::CommandSpec;

namespace {

std::string help_for_all() {
  const auto has_text_form = [](const CommandSpec& command) { return !command.usage.empty(); };
  std::size_t width = 0;
  for (const CommandSpec& command : protocol::all_commands()) {
    if (has_text_form(command)) width = std::max(width, command.usage.size());
  }
  std::string block;
  for (const CommandSpec& command : protocol::all_commands()) {
    if (has_text_form(command))
      fmt::format_to(std::back_inserter(block), "{:<{}}  {}\n", command.usage, width, command.summary);
  }
  return block;
}

// The help for a command that the text dialect does not have.
std::string help_in_resp(const CommandSpec& command) {
  std::string block = "in RESP only:\n";
  const auto add = [&block](const CommandSpec& one) {
    fmt::format_to(std::back_inserter(block), "{}\n    {}\n", protocol::resp_usage(one), one.summary);
  };
  if (!command.syntax.empty()) add(command);
  for (const CommandSpec& one : protocol::subcommands_of(command.id)) add(one);
  return block;
}

}  // namespace

template <>
void handle<kHelp>(Context& context) {
  if (context.args.empty()) return context.reply.text(help_for_all());
  if (const CommandSpec* command = protocol::find_text_command(context.arg(0))) {
    return context.reply.text(fmt::format("{}\n{}\n", command->usage, command->summary));
  }
  if (const CommandSpec* command = protocol::find_resp_command(context.arg(0))) {
    return context.reply.text(help_in_resp(*command));
  }
  context.fail(errors::unknown_command(protocol::Dialect::kText, context.arg(0), {}));
}

}  // namespace minikv::server
