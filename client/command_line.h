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

// Flags come before the verb; all words behind it are its arguments, with dashes or not. Returns the exit
// code if there is nothing left to do: after --help, --version, or a mistake, which is reported on stderr.
std::variant<CommandLine, int> parse_command_line(int argc, const char* const* argv);

// "host", "host:port", "[::1]:port". Without a port, that of `defaults` stays. Nothing if the text has none
// of these forms.
std::optional<Endpoint> parse_endpoint(std::string_view text, Endpoint defaults);

// 1 to 65535, in digits.
std::optional<std::uint16_t> parse_port(std::string_view text);

// Seconds in decimal, with a fraction or not, from 0 to 1,000,000; a time above 0 is at least a millisecond.
std::optional<std::chrono::milliseconds> parse_timeout(std::string_view seconds);

}  // namespace minikv::client
