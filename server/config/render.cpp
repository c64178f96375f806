// --help, --print-config and the table of CONFIGURATION.md: the same settings in three layouts.
#include "server/config/render.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "server/config/text.h"

namespace minikv::server {
namespace {

constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 100;

// `text`, wrapped, in the right-hand column of the help.
std::string wrapped(std::string_view text) {
  std::string lines;
  std::size_t column = kHelpColumn;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    if (column > kHelpColumn && column + 1 + word.size() > kHelpWidth) {
      lines += fmt::format("\n{:{}}", "", kHelpColumn);
      column = kHelpColumn;
    } else if (column > kHelpColumn) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
    begin = end + 1;
  }
  return lines;
}

std::string help_entry(std::string_view left, std::string_view right) {
  const std::string head = fmt::format("  {}", left);
  if (head.size() < kHelpColumn) return fmt::format("{:<{}}{}\n", head, kHelpColumn, wrapped(right));
  return fmt::format("{}\n{:{}}{}\n", head, "", kHelpColumn, wrapped(right));
}

std::string help_entry(const Setting& setting) {
  std::string facts;
  if (setting.type != SettingType::kFlag) {
    if (const std::string accepts = setting.accepts(); !accepts.empty()) facts += accepts + "; ";
    const std::string standard = setting.default_text();
    facts += fmt::format("default {}; ", standard.empty() ? "none" : standard);
  }
  return help_entry(
      fmt::format("{}{}{}", setting.flag(), setting.operand.empty() ? "" : " ", setting.operand),
      fmt::format("{} [{}{}]", setting.help, facts, setting.environment()));
}

// The value as it stands in a configuration file.
std::string as_json(const Setting& setting, const Config& config) {
  const std::string text = setting.get(config);
  const bool is_word = setting.type != SettingType::kInteger && setting.type != SettingType::kFlag;
  if (!is_word) return text;
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string origin_text(const Settled& settled, const Setting& setting, Origin origin) {
  switch (origin) {
    case Origin::kDefault: return "default";
    case Origin::kFile: return one_line(settled.config_file);
    case Origin::kEnvironment: return setting.environment();
    case Origin::kFlag: return setting.flag();
  }
  return {};
}

// `comment(i)` returns the text behind the value of row `i`.
template <typename Comment>
std::string render(const Config& config, Comment comment) {
  std::string text = "{\n";
  for (std::size_t i = 0; i < settings().size(); ++i) {
    const Setting& setting = settings()[i];
    const std::string_view comma = i + 1 < settings().size() ? "," : "";
    text += fmt::format("  \"{}\": {}{}{}\n", setting.key, as_json(setting, config), comma, comment(i));
  }
  return text + "}\n";
}

}  // namespace

std::string render_help() {
  std::string help =
      "minikvd: a durable key-value server. Talk to it with minikv, netcat or any Redis client.\n"
      "\n"
      "Usage: minikvd [--config FILE] [flags]\n"
      "       minikvd verify DIR | dump DIR | repair DIR NEW_DIR   (minikvd verify --help, and so on)\n"
      "\n"
      "A flag wins over the environment, which wins over the configuration file, which wins over the\n"
      "default. In the file a setting is called like its flag, with underscores: \"data_dir\". Sizes are\n"
      "bytes, or have a unit: 64MiB.\n"
      "\n"
      "General\n";
  help += help_entry("--config FILE", "Read this configuration file: JSON, comments allowed [MINIKV_CONFIG]");
  help += help_entry("--check-config",
                     "Say whether the configuration is fine (exit code 0 or 1), and touch nothing");
  help += help_entry("--print-config",
                     "Print the configuration in force as JSON; --print-config=origins also says "
                     "where each value came from");
  help += help_entry("--help, -h", "Print this");
  help += help_entry("--version", "Print the version");
  std::string_view section;
  for (const Setting& setting : settings()) {
    if (setting.section != section) help += fmt::format("\n{}\n", setting.section);
    section = setting.section;
    help += help_entry(setting);
  }
  help +=
      "\nExit codes: 0 served and stopped as asked, 1 refused to serve, 2 wrong flags or configuration.\n";
  return help;
}

std::string render_config(const Config& config) {
  return render(config, [](std::size_t) { return std::string(); });
}

std::string render_origins(const Settled& settled) {
  return render(settled.config, [&](std::size_t i) {
    return fmt::format("  // {}", origin_text(settled, settings()[i], settled.origins[i]));
  });
}

std::string render_reference() {
  std::string table = "| setting | default | accepts | what it is |\n|---|---|---|---|\n";
  for (const Setting& setting : settings()) {
    const std::string standard = setting.default_text();
    const std::string shown = !setting.default_note.empty() ? standard
                              : standard.empty()            ? "none"
                                                            : fmt::format("`{}`", standard);
    const bool is_address = setting.type == SettingType::kList;
    const std::string accepts = setting.accepts();
    table += fmt::format("| `{}` | {} | {} | {} |\n", setting.key, shown,
                         !accepts.empty() ? accepts
                         : is_address     ? "addresses, with commas between"
                                          : "a path",
                         setting.help);
  }
  return table;
}

}  // namespace minikv::server
