#include "client/command_line.h"

#include <charconv>
#include <fstream>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "client/modes.h"

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

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

std::variant<CommandLine, int> refuse(std::string_view what) {
  std::cerr << "minikv: " << what << "; see: minikv --help\n";
  return kExitError;
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
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), defaults.port);
  if (error != std::errc() || end != port.data() + port.size() || defaults.port == 0) return std::nullopt;
  return defaults;
}

std::variant<CommandLine, int> parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  std::string address;
  double timeout_seconds = 30;

  CLI::App app("The client of minikvd, a durable key-value server.", "minikv");
  app.formatter(std::make_shared<Formatter>());
  app.footer(kFooter);
  app.set_version_flag("--version", "minikv " MINIKV_VERSION);
  app.prefix_command();
  app.add_option("--host", line.endpoint.host, "The server's host")
      ->envname("MINIKV_HOST")
      ->capture_default_str();
  app.add_option("-p,--port", line.endpoint.port, "The server's port")
      ->envname("MINIKV_PORT")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  app.add_option("-u", address, "Host and port in one; it goes before the others")->type_name("HOST:PORT");
  std::string password_file;
  app.add_option("--password-file", password_file, "A file whose first line is the server's password")
      ->envname("MINIKV_PASSWORD_FILE")
      ->type_name("FILE");
  app.add_option("--timeout", timeout_seconds, "Seconds to wait for an answer; 0: for ever (compact: always)")
      ->check(CLI::Range(0.0, kMaxTimeoutSeconds))
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_flag("--raw", line.raw, "Values as their bytes alone, without a line end; names one a line");
  app.add_flag("--interactive", line.interactive, "With prompts, even if stdin is not a terminal");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }

  line.words = app.remaining();
  if (!line.words.empty() && line.words.front() == "--") {
    line.words.erase(line.words.begin());
  } else if (!line.words.empty() && line.words.front().starts_with('-')) {
    return refuse("no such option: " + line.words.front());
  }
  if (line.interactive && !line.words.empty())
    return refuse("--interactive and a command exclude each other");
  if (!address.empty()) {
    const std::optional<Endpoint> endpoint = parse_endpoint(address, line.endpoint);
    if (!endpoint) return refuse("-u takes HOST:PORT, not '" + address + "'");
    line.endpoint = *endpoint;
  }
  if (!password_file.empty()) {
    std::ifstream file(password_file);
    if (!file || !std::getline(file, line.endpoint.password) || line.endpoint.password.empty()) {
      return refuse("--password-file: the first line of '" + password_file + "' can't be read, or is empty");
    }
    if (line.endpoint.password.ends_with('\r')) line.endpoint.password.pop_back();
  }
  line.timeouts.reply = to_milliseconds(timeout_seconds);
  if (timeout_seconds > 0 && line.timeouts.reply < line.timeouts.connect)
    line.timeouts.connect = line.timeouts.reply;
  return line;
}

}  // namespace minikv::client
