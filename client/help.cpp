// The client's own answers to help, from the table of commands.
#include <fmt/format.h>

#include "client/presentation.h"
#include "protocol/command_table.h"

namespace minikv::client {
namespace {

constexpr std::size_t kMaxUsageWidth = 34;

}  // namespace

std::string help_overview() {
  std::vector<Row> rows;
  for (const protocol::CommandSpec& command : protocol::all_commands()) {
    if ((command.flags & protocol::kFlagText) == 0) continue;
    rows.push_back({std::string(command.usage), std::string(command.summary)});
  }
  return format_table(rows, kMaxUsageWidth);
}

std::string help_for(std::string_view verb) {
  const protocol::CommandSpec* command = protocol::find_text_command(verb);
  if (command == nullptr) return {};
  std::string text = fmt::format("{}\n  {}\n", command->usage, command->summary);
  for (std::string_view alias : command->aliases) text += fmt::format("  also: {}\n", alias);
  return text;
}

}  // namespace minikv::client
