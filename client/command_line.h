// The flags of the program.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/lib/connection.h"

namespace minikv::client {

struct CommandLine {
  Endpoint endpoint;
  Timeouts timeouts;
  bool raw = false;
  bool interactive = false;
  std::vector<std::string> words;  // the verb and its arguments, untouched; empty: none
};

// Flags come before the verb; whatever follows it is the verb's, dashes or not. If there is nothing left to do (--help,
// --version, or a mistake, which has been told on stderr): the exit code.
std::variant<CommandLine, int> parse_command_line(int argc, const char* const* argv);

// "host", "host:port", "[::1]:port". The port is left as it is if there is none. Nothing if it is none of these.
std::optional<Endpoint> parse_endpoint(std::string_view text, Endpoint defaults);

}  // namespace minikv::client
