// The verbs that complete a word, from the table of commands.
#include <algorithm>

#include "client/line_editor.h"
#include "protocol/ascii.h"
#include "protocol/command_table.h"

namespace minikv::client {

std::vector<std::string_view> completions(std::string_view beginning) {
  std::vector<std::string_view> verbs;
  const auto offer = [&](std::string_view verb) {
    if (protocol::equals_ignoring_case(verb.substr(0, beginning.size()), beginning)) verbs.push_back(verb);
  };
  for (const protocol::CommandSpec& command : protocol::all_commands()) {
    if ((command.flags & protocol::kFlagText) == 0) continue;
    offer(command.name);
    std::ranges::for_each(command.aliases, offer);
  }
  std::ranges::sort(verbs);
  return verbs;
}

}  // namespace minikv::client
