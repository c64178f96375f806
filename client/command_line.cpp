// Parses flags and environment by CLI11, and says what is wrong with endpoints, ports and timeouts.
#include "client/command_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <span>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "client/credentials.h"
#include "client/environment.h"
#include "client/history_file.h"
#include "client/modes.h"
#include "protocol/number.h"

namespace minikv::client {
namespace {

constexpr const char* kFooter =
    R"(Without a command: reads commands from stdin, one a line; at a terminal, with prompt and line editing.

  minikv set name "Alice B"      minikv get name
  minikv put photo < photo.jpg   minikv --raw get photo > copy.jpg
  minikv list user: limit 10     minikv help

Exit codes: 0 done; 1 not found (get, delete, exists ...); 2 error, told on stderr; 3 cannot connect, nothing was sent.
When commands are read from stdin, the highest of all.)";

class Formatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return "Usage: minikv [OPTIONS] [COMMAND [ARGUMENTS...]]\n";
  }
};

constexpr double kMaxTimeoutSeconds = 1e6;

struct Flags {
  std::string host, port, address, user, password_file, timeout;
};

// For the text of --help.
std::string default_port() { return std::to_string(Endpoint{}.port); }

std::variant<CommandLine, int> refuse(std::string_view what) {
  std::cerr << "minikv: " << what << "; see: minikv --help\n";
  return kExitError;
}

void add_flags(CLI::App& app, Flags& flags, CommandLine& line) {
  // Of a flag that is given twice the last value counts, as with minikvd.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--host", flags.host, "The server's host [127.0.0.1, MINIKV_HOST]")->type_name("HOST");
  app.add_option("-p,--port", flags.port, "The server's port [" + default_port() + ", MINIKV_PORT]")
      ->type_name("PORT");
  app.add_option("-u", flags.address, "Host and port in one; it goes before the others")
      ->type_name("HOST:PORT");
  app.add_option("--user", flags.user, "Who to be, together with a password [default, MINIKV_USER]")
      ->type_name("NAME");
  app.add_option("--password-file", flags.password_file,
                 "A file whose first line is the password [MINIKV_PASSWORD_FILE; or the password itself: "
                 "MINIKV_PASSWORD]")
      ->type_name("FILE");
  app.add_option("--timeout", flags.timeout,
                 "Seconds to wait for an answer [30]; 0: for ever (compact: always)")
      ->type_name("SECONDS");
  app.add_flag("--raw", line.raw, "Values as their bytes alone, without a line end; names one a line");
  app.add_flag("--interactive", line.interactive, "With prompts, even if stdin is not a terminal");
}

// The name of a flag that ends with "=", or nothing: CLI11 would take the next argument for its value. The
// words of the command, behind the flags, may end as they like.
std::string flag_without_value(std::span<const char* const> arguments) {
  constexpr std::array<std::string_view, 6> kWithoutValue = {
      "--raw", "--interactive", "--help", "--version", "-h", "--"};
  for (std::size_t i = 0; i < arguments.size() && arguments[i][0] == '-'; ++i) {
    const std::string_view flag = arguments[i];
    const std::size_t equals = flag.find('=');
    if (flag == "--") return {};
    if (flag.starts_with("--") && equals + 1 == flag.size()) return std::string(flag.substr(0, equals));
    const bool has_value =
        equals == std::string_view::npos && std::ranges::find(kWithoutValue, flag) == kWithoutValue.end();
    if (has_value && (flag.starts_with("--") || flag.size() == 2)) ++i;
  }
  return {};
}

// The name of a flag with an empty value, or nothing. Such a flag comes from a script with an unset variable.
std::string empty_flag(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_expected_max() > 0 && option->count() > 0 && option->results().back().empty())
      return option->get_name();
  }
  return {};
}

// What is wrong with them, or nothing.
std::string find_endpoint(const Flags& flags, Endpoint& endpoint) {
  const std::string host = flags.host.empty() ? from_environment("MINIKV_HOST") : flags.host;
  if (!host.empty()) endpoint.host = host;
  const std::string port = flags.port.empty() ? from_environment("MINIKV_PORT") : flags.port;
  if (!port.empty()) {
    const std::optional<std::uint16_t> number = parse_port(port);
    if (!number) {
      return fmt::format("{}{} is no port (1 to 65535)", flags.port.empty() ? "MINIKV_PORT=" : "--port ",
                         port);
    }
    endpoint.port = *number;
  }
  if (flags.address.empty()) return {};
  const std::optional<Endpoint> whole = parse_endpoint(flags.address, endpoint);
  if (!whole) return "-u takes HOST:PORT, not '" + flags.address + "'";
  endpoint = *whole;
  return {};
}

// The words behind the flags. What is wrong with them, or nothing.
std::string find_words(std::vector<std::string> words, CommandLine& line) {
  line.words = std::move(words);
  if (!line.words.empty() && line.words.front() == "--") {
    line.words.erase(line.words.begin());
  } else if (!line.words.empty() && line.words.front().starts_with('-')) {
    return "no such option: " + line.words.front();
  }
  if (line.interactive && !line.words.empty()) return "--interactive and a command exclude each other";
  return {};
}

}  // namespace

std::optional<Endpoint> parse_endpoint(std::string_view text, Endpoint defaults) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return std::nullopt;
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
    if (host.find(':') != std::string_view::npos) return std::nullopt;  // an IPv6 address needs its brackets
  }
  if (host.empty()) return std::nullopt;
  defaults.host = host;
  if (port.empty()) return defaults;
  const std::optional<std::uint16_t> number = parse_port(port.substr(1));
  if (!number) return std::nullopt;
  defaults.port = *number;
  return defaults;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const std::optional<std::uint64_t> number = protocol::parse_unsigned(text);
  if (!number || *number == 0 || *number > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<std::chrono::milliseconds> parse_timeout(std::string_view seconds) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(seconds.data(), seconds.data() + seconds.size(), number, std::chars_format::fixed);
  if (error != std::errc() || end != seconds.data() + seconds.size()) return std::nullopt;
  // The comparison is also false for "nan". A negative zero is refused as a mistake.
  if (!(number >= 0 && number <= kMaxTimeoutSeconds) || std::signbit(number)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(number * 1000)));
}

std::variant<CommandLine, int> parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  Flags flags;
  CLI::App app("The client of minikvd, a durable key-value server.", "minikv");
  app.formatter(std::make_shared<Formatter>());
  app.footer(kFooter);
  app.set_version_flag("--version", "minikv " MINIKV_VERSION);
  app.prefix_command();
  add_flags(app, flags, line);
  const std::span<const char* const> arguments(argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0)));
  if (const std::string empty = flag_without_value(arguments); !empty.empty())
    return refuse(empty + " is empty");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  if (const std::string empty = empty_flag(app); !empty.empty()) return refuse(empty + " is empty");
  if (const std::string wrong = find_words(app.remaining(), line); !wrong.empty()) return refuse(wrong);
  if (const std::string wrong = find_endpoint(flags, line.endpoint); !wrong.empty()) return refuse(wrong);
  auto credentials = find_credentials(flags.user, flags.password_file);
  if (const auto* none = std::get_if<NoCredentials>(&credentials)) return refuse(none->why);
  line.endpoint.user = std::get<Credentials>(credentials).user;
  line.endpoint.password = std::get<Credentials>(credentials).password;
  if (!flags.timeout.empty()) {
    const auto timeout = parse_timeout(flags.timeout);
    if (!timeout) return refuse("--timeout " + flags.timeout + " is no number of seconds from 0 to 1000000");
    line.timeouts.reply = *timeout;
    if (timeout->count() > 0) line.timeouts.connect = std::min(line.timeouts.connect, *timeout);
  }
  line.history_file = default_history_file();
  return line;
}

}  // namespace minikv::client
