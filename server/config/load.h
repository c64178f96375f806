// The operator's configuration: flags over environment over configuration file over defaults.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "minikv/status.h"
#include "server/config/config.h"
#include "server/config/settings.h"

namespace minikv::server {

// The variable of the password, which is no setting because settings are shown (CONFIG GET, --print-config).
constexpr std::string_view kPasswordVariable = "MINIKV_PASSWORD";

enum class Origin : std::uint8_t { kDefault, kFile, kEnvironment, kFlag };

// A configuration and where each of its values came from.
struct Settled {
  Config config;
  std::vector<Origin> origins =
      std::vector<Origin>(settings().size(), Origin::kDefault);  // in the table's order
  std::string config_file;                                       // "" if there was none
  std::string password;  // of $MINIKV_PASSWORD, if it is in force; "" if it was not set

  Origin origin_of(const Setting& setting) const {
    return origins[static_cast<std::size_t>(&setting - settings().data())];
  }
  // Sets one value. `where` names it in the error: "--port=70000", "MINIKV_PORT=70000".
  Status apply(const Setting& setting, std::string_view text, Origin origin, std::string_view where);
};

enum class Action : std::uint8_t { kServe, kPrintConfig, kPrintOrigins, kCheckConfig, kHelp, kVersion };

// A parsed command line. Only the arguments have been looked at.
struct CommandLine {
  Action action = Action::kServe;
  std::string config_file;  // --config; "" if it was not given
  std::vector<std::pair<const Setting*, std::string>> values;
};

// `arguments` are without the program's name. kInvalidArgument has one line for the operator.
Result<CommandLine> parse_command_line(std::span<const char* const> arguments);

// Puts the layers together. `environment` is a list of NAME=value, as in environ. Touches nothing but the
// configuration file, which it reads. kInvalidArgument or kIoError has one line for the operator.
Result<Settled> settle(const CommandLine& command_line, std::span<const std::string> environment);

// Applies the configuration file alone: JSON with comments, one object, each member a setting.
Status read_config_file(const std::string& path, Settled& settled);

}  // namespace minikv::server
