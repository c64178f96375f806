// The flags of the program.
#pragma once

#include <chrono>
#include <cstdint>
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
  std::string history_file;        // of conversations at a terminal; empty: none
  std::vector<std::string> words;  // the verb and its arguments, untouched; empty: none
};

// Flags come before the verb; whatever follows it is the verb's, dashes or not. If there is nothing left to
// do (--help, --version, or a mistake, which has been told on stderr): the exit code.
std::variant<CommandLine, int> parse_command_line(int argc, const char* const* argv);

// "host", "host:port", "[::1]:port". The port is left as it is if there is none. Nothing if it is none of
// these.
std::optional<Endpoint> parse_endpoint(std::string_view text, Endpoint defaults);

// 1 to 65535, in digits.
std::optional<std::uint16_t> parse_port(std::string_view text);

// Seconds in decimal, with a fraction or not, from 0 to 1,000,000; what is not 0 is at least a millisecond.
std::optional<std::chrono::milliseconds> parse_timeout(std::string_view seconds);

}  // namespace minikv::client
