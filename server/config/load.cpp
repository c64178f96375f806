// Parses the flags by CLI11, and applies file, environment and flags in this order.
#include "server/config/load.h"

#include <algorithm>
#include <array>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "server/config/text.h"

namespace minikv::server {
namespace {

constexpr std::string_view kPrefix = "MINIKV_";
constexpr std::string_view kConfigVariable = "MINIKV_CONFIG";

// Variables that begin like the server's and are not for it: those that the client reads, and those that
// Kubernetes sets for a service called minikv.
constexpr std::array<std::string_view, 3> kForeignVariables = {"MINIKV_HOST", "MINIKV_USER",
                                                               "MINIKV_HISTORY"};
constexpr std::array<std::string_view, 2> kForeignPrefixes = {"MINIKV_SERVICE_", "MINIKV_PORT_7379_"};

bool is_foreign(std::string_view name) {
  return std::find(kForeignVariables.begin(), kForeignVariables.end(), name) != kForeignVariables.end() ||
         std::any_of(kForeignPrefixes.begin(), kForeignPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

Status unknown_option(std::string_view argument) {
  if (!argument.starts_with('-')) {
    return invalid(fmt::format("unexpected argument '{}': values follow their flag (minikvd --help)",
                               printable(argument)));
  }
  std::vector<std::string> flags = {"--config", "--print-config", "--check-config", "--help", "--version"};
  for (const Setting& setting : settings()) flags.push_back(setting.flag());
  const std::vector<std::string_view> known(flags.begin(), flags.end());
  const std::string_view name = argument.substr(0, argument.find('='));
  const std::string_view meant = nearest_name(name, known);
  if (meant.empty())
    return invalid(fmt::format("unknown option {} (minikvd --help lists them)", printable(name)));
  return invalid(fmt::format("unknown option {}; did you mean {}?", printable(name), meant));
}

Status unknown_variable(std::string_view name) {
  std::vector<std::string> names = {std::string(kConfigVariable)};
  for (const Setting& setting : settings()) names.push_back(setting.environment());
  const std::vector<std::string_view> known(names.begin(), names.end());
  const std::string_view meant = nearest_name(name, known);
  if (meant.empty()) {
    return invalid(fmt::format("unknown setting {} in the environment; unset it", printable(name)));
  }
  return invalid(
      fmt::format("unknown setting {} in the environment; did you mean {}?", printable(name), meant));
}

// CLI11 splits the arguments (--key value, --key=value); the table of settings parses the values.
struct FlagParser {
  CLI::App app;
  std::string config_file;
  std::string print_form;
  bool check = false;
  bool help = false;
  bool version = false;
  std::map<const Setting*, std::string> texts;
  std::map<const Setting*, CLI::Option*> options;

  FlagParser() {
    app.set_help_flag();
    app.allow_extras();
    // The last of repeated flags counts, so that flags can be added behind those of a script that wraps
    // minikvd.
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option("--config", config_file)->type_name("value");
    app.add_flag("--print-config{plain}", print_form);
    app.add_flag("--check-config", check);
    app.add_flag("--help,-h", help);
    app.add_flag("--version", version);
    for (const Setting& setting : settings()) {
      std::string& text = texts[&setting];
      options[&setting] = setting.type == SettingType::kFlag
                              ? app.add_flag(setting.flag() + "{true}", text)
                              : app.add_option(setting.flag(), text)->type_name("value");
    }
  }
};

Result<Action> action_of(const FlagParser& options) {
  if (options.help) return Action::kHelp;
  if (options.version) return Action::kVersion;
  if (options.check) return Action::kCheckConfig;
  if (options.print_form.empty()) return Action::kServe;
  if (options.print_form == "plain") return Action::kPrintConfig;
  if (options.print_form == "origins") return Action::kPrintOrigins;
  return invalid(fmt::format("--print-config={} is not plain or origins", printable(options.print_form)));
}

Status apply_environment(std::span<const std::string> environment, Settled& settled) {
  for (const std::string& entry : environment) {
    if (!entry.starts_with(kPrefix)) continue;
    const std::size_t equals = std::min(entry.find('='), entry.size());
    const std::string_view name = std::string_view(entry).substr(0, equals);
    const std::string_view value = std::string_view(entry).substr(std::min(equals + 1, entry.size()));
    if (name == kConfigVariable || is_foreign(name)) continue;
    if (name == kPasswordVariable) {
      // A variable that was left empty by mistake must not leave the server open.
      if (value.empty()) return invalid("MINIKV_PASSWORD is empty: fill it in, or unset it");
      settled.password = value;
      continue;
    }
    const std::string key = to_lower(name.substr(kPrefix.size()));
    const Setting* setting = find_setting(key);
    if (setting == nullptr || setting->environment() != name) return unknown_variable(name);
    MINIKV_TRY(
        settled.apply(*setting, value, Origin::kEnvironment, fmt::format("{}={}", name, printable(value))));
  }
  return Status::ok();
}

// Without --config: $MINIKV_CONFIG. An empty variable counts as unset.
std::string config_path(const CommandLine& command_line, std::span<const std::string> environment) {
  if (!command_line.config_file.empty()) return command_line.config_file;
  const std::string prefix = fmt::format("{}=", kConfigVariable);
  for (const std::string& entry : environment) {
    if (entry.starts_with(prefix)) return entry.substr(prefix.size());
  }
  return {};
}

// The layers hold for the password too: --password-file goes before MINIKV_PASSWORD, which goes before the
// file's password_file.
Status choose_password(Settled& settled) {
  if (settled.password.empty() || settled.config.password_file.empty()) return Status::ok();
  const Origin origin = settled.origin_of(*find_setting("password_file"));
  if (origin == Origin::kEnvironment) {
    return invalid("MINIKV_PASSWORD and MINIKV_PASSWORD_FILE are both set: unset one of them");
  }
  if (origin == Origin::kFlag) settled.password.clear();
  return Status::ok();
}

}  // namespace

Status Settled::apply(const Setting& setting, std::string_view text, Origin origin, std::string_view where) {
  // The configuration file may have all settings, and "" there means none.
  if (text.empty() && origin != Origin::kFile) {
    return invalid(fmt::format("{} is empty: fill it in, or leave it out", where));
  }
  if (const Status status = setting.set(config, text); !status) {
    return invalid(fmt::format("{} {}", where, status.message()));
  }
  origins[static_cast<std::size_t>(&setting - settings().data())] = origin;
  return Status::ok();
}

Result<CommandLine> parse_command_line(std::span<const char* const> arguments) {
  FlagParser options;
  // CLI11 would take the next argument for the value. Such a flag comes from a variable that was not filled
  // in.
  for (const std::string_view argument : arguments) {
    if (argument.starts_with("--") && argument.find('=') + 1 == argument.size())
      return invalid(fmt::format("{} is empty: fill it in, or leave it out", printable(argument)));
  }
  try {
    // CLI11 takes the arguments from the back.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    options.app.parse(std::move(reversed));
  } catch (const CLI::Error& error) {
    return invalid(without_middle(error.what(), 300));
  }
  if (const auto extras = options.app.remaining(); !extras.empty()) return unknown_option(extras.front());
  const Result<Action> action = action_of(options);
  if (!action) return action.status();

  CommandLine command_line;
  command_line.action = *action;
  command_line.config_file = options.config_file;
  if (options.app.count("--config") > 0 && options.config_file.empty()) return invalid("--config is empty");
  for (const Setting& setting : settings()) {
    if (options.options[&setting]->count() > 0)
      command_line.values.emplace_back(&setting, options.texts[&setting]);
  }
  return command_line;
}

Result<Settled> settle(const CommandLine& command_line, std::span<const std::string> environment) {
  Settled settled;
  if (const std::string path = config_path(command_line, environment); !path.empty()) {
    MINIKV_TRY(read_config_file(path, settled));
  }
  MINIKV_TRY(apply_environment(environment, settled));
  for (const auto& [setting, text] : command_line.values) {
    MINIKV_TRY(
        settled.apply(*setting, text, Origin::kFlag, fmt::format("{}={}", setting->flag(), printable(text))));
  }
  MINIKV_TRY(choose_password(settled));
  MINIKV_TRY(check_together(settled.config));
  return settled;
}

}  // namespace minikv::server
