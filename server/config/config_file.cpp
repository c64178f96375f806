// Reads the configuration file: JSON, in which a key that is unknown or stands twice is an error.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "server/config/load.h"
#include "server/config/text.h"

namespace minikv::server {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFile = 1024 * 1024;

Result<std::string> read_file(const std::string& path) {
  const auto failed = [&](int error) {
    return Status(StatusCode::kIoError, fmt::format("can't read the configuration file {}: {}",
                                                    one_line(path), std::generic_category().message(error)));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return failed(errno);
  std::string text(kMaxFile + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failed(errno);
  if (text.size() > kMaxFile) {
    return invalid(fmt::format("{} is longer than 1MiB, which no configuration file is", one_line(path)));
  }
  return text;
}

// Finds a member that stands twice: nlohmann::json would keep the last, and the operator may look at the
// other one.
class DuplicateFinder {
 public:
  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names_.insert(name).second) duplicate_ = name;
    }
    return true;
  }
  const std::string& duplicate() const { return duplicate_; }

 private:
  std::set<std::string> names_;
  std::string duplicate_;
};

// Shortens a message such as "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error
// while parsing object - unexpected string literal; last read: '7379 "data_dir"'; expected '}'". Its
// beginning, the place, and its end, the expected token, matter; the token between them may be of any length.
std::string describe(std::string_view message) {
  constexpr std::size_t kMaxToken = 80;
  constexpr std::size_t kMaxRest = 400;
  constexpr std::string_view kTokenBegin = "last read: '";
  if (const auto bracket = message.find("] "); bracket != std::string_view::npos)
    message.remove_prefix(bracket + 2);
  const std::size_t begin = message.find(kTokenBegin);
  if (begin == std::string_view::npos) return without_middle(message, kMaxRest);
  const std::string_view before = message.substr(0, begin + kTokenBegin.size());
  const std::string_view behind = message.substr(before.size());
  const std::size_t end = std::min({behind.rfind("'; expected"), behind.rfind('\''), behind.size()});
  return without_middle(before, kMaxRest) + without_middle(behind.substr(0, end), kMaxToken) +
         without_middle(behind.substr(end), kMaxRest);
}

Result<json> parse(const std::string& text) {
  DuplicateFinder finder;
  try {
    json document = json::parse(text, std::ref(finder), /*allow_exceptions=*/true, /*ignore_comments=*/true);
    if (!document.is_object()) return invalid("is not a JSON object: write { \"port\": 7379 }");
    if (!finder.duplicate().empty())
      return invalid(fmt::format("sets \"{}\" twice", printable(finder.duplicate())));
    return document;
  } catch (const json::exception& error) {
    return invalid(fmt::format("is not JSON: {}", describe(error.what())));
  }
}

// The value as it would stand behind a flag.
Result<std::string> as_text(const Setting& setting, const json& value) {
  const bool wants_words = setting.type == SettingType::kText || setting.type == SettingType::kChoice ||
                           setting.type == SettingType::kList;
  if (value.is_string()) return value.get<std::string>();
  if (wants_words && setting.type != SettingType::kList) return invalid("is not a string");
  if (setting.type == SettingType::kList) {
    std::vector<std::string> items;
    for (const json& item : value) {
      if (!value.is_array() || !item.is_string()) return invalid("is neither a string nor a list of strings");
      items.push_back(item.get<std::string>());
    }
    return fmt::format("{}", fmt::join(items, ","));
  }
  const bool wants_flag = setting.type == SettingType::kFlag;
  if (wants_flag ? value.is_boolean() : value.is_number()) return value.dump();
  return invalid(wants_flag ? "is neither true nor false" : "is not a number");
}

Status unknown_setting(std::string_view name) {
  const auto keys = setting_keys();
  const std::string_view meant = nearest_name(name, keys);
  if (meant.empty())
    return invalid(fmt::format("unknown setting \"{}\" (minikvd --help lists them)", printable(name)));
  return invalid(fmt::format("unknown setting \"{}\"; did you mean \"{}\"?", printable(name), meant));
}

std::string show(const json& value) {
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

Status read_config_file(const std::string& path, Settled& settled) {
  const Result<std::string> text = read_file(path);
  if (!text) return text.status();
  const std::string where = one_line(path);
  const Result<json> document = parse(*text);
  if (!document) return invalid(fmt::format("{} {}", where, document.status().message()));

  for (const auto& [name, value] : document->items()) {
    const Setting* setting = find_setting(name);
    if (setting == nullptr) return unknown_setting(name).with_context(where);
    const std::string value_where = fmt::format("{}: \"{}\": {}", where, name, show(value));
    const Result<std::string> as_flag = as_text(*setting, value);
    if (!as_flag) return invalid(fmt::format("{} {}", value_where, as_flag.status().message()));
    MINIKV_TRY(settled.apply(*setting, *as_flag, Origin::kFile, value_where));
  }
  settled.config_file = path;
  return Status::ok();
}

}  // namespace minikv::server
