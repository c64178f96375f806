// The one table of settings. Flags, environment, configuration file, CONFIG GET, --help, --print-config and
// the table in docs/CONFIGURATION.md are all made from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "minikv/status.h"
#include "server/config/config.h"

namespace minikv::server {

enum class SettingType : std::uint8_t {
  kText,     // as it is written
  kList,     // host names or addresses, separated by commas
  kInteger,  // a whole number
  kRatio,    // a number from 0.01 to 1
  kSize,     // bytes, with a unit if wanted; see size.h
  kChoice,   // one of a few words
  kFlag,     // true or false
};

// One row. Lives as long as the program.
struct Setting {
  using Field =
      std::variant<std::string Config::*, std::vector<std::string> Config::*, std::uint64_t Config::*,
                   double Config::*, bool Config::*, Fsync Config::*, LogLevel Config::*>;

  std::string_view key;
  std::string_view
      section;  // the headline that it stands under in help and docs; rows of a section are neighbours
  SettingType type;
  Field field;
  std::uint64_t min = 0;  // kInteger and kSize: both ends are allowed
  std::uint64_t max = 0;
  std::span<const std::string_view> choices = {};  // kChoice: the words, in the order of the enum's values
  std::string_view default_note = {};  // where the default depends on the machine: how; otherwise empty
  std::string_view operand = {};       // what help calls the value: DIR, N, SIZE ...
  std::string_view help = {};          // one sentence, no full stop at its end

  std::string flag() const;         // "--data-dir"
  std::string environment() const;  // "MINIKV_DATA_DIR"

  // The value in its usual spelling, which set() reads back as the same value.
  std::string get(const Config& config) const;
  // kInvalidArgument says what is wrong with the text, without naming the setting ("is not a whole number");
  // then nothing was changed.
  Status set(Config& config, std::string_view text) const;

  // The accepted values, for people: "1 to 64", "always, interval or never". Empty if any text is accepted.
  std::string accepts() const;
  // The default, for people.
  std::string default_text() const;
};

std::span<const Setting> settings();
const Setting* find_setting(std::string_view key);  // null if there is none
std::vector<std::string_view> setting_keys();

// Every setting's key and value in the table's order: for CONFIG GET and INFO.
std::vector<std::pair<std::string, std::string>> setting_values(const Config& config);

}  // namespace minikv::server
