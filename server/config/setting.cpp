// One setting's value: from text, to text, and what is allowed.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/config/settings.h"
#include "server/config/size.h"
#include "server/config/text.h"

namespace minikv::server {
namespace {

constexpr double kMinRatio = 0.01;

// Numbers and sizes.
Status store(const Setting& setting, std::uint64_t& field, std::string_view text) {
  const Result<std::uint64_t> number =
      setting.type == SettingType::kSize ? parse_size(text) : parse_integer(text);
  if (!number) return number.status();
  if (*number < setting.min || *number > setting.max)
    return invalid(fmt::format("is out of range ({})", setting.accepts()));
  field = *number;
  return Status::ok();
}

Status store(const Setting& setting, double& field, std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_too_far = error == std::errc::result_out_of_range;
  if (text.empty() || (error != std::errc() && !is_too_far) || end != text.data() + text.size())
    return invalid("is not a number");
  if (is_too_far || !(number >= kMinRatio && number <= 1)) {
    return invalid(fmt::format("is out of range ({})", setting.accepts()));
  }
  field = number;
  return Status::ok();
}

Status store(const Setting&, bool& field, std::string_view text) {
  const std::string word = to_lower(text);
  if (word == "true" || word == "yes" || word == "1") {
    field = true;
  } else if (word == "false" || word == "no" || word == "0") {
    field = false;
  } else {
    return invalid("is neither true nor false");
  }
  return Status::ok();
}

// The enums: the words stand in the order of their values.
template <typename Enum>
  requires std::is_enum_v<Enum>
Status store(const Setting& setting, Enum& field, std::string_view text) {
  const auto found = std::find(setting.choices.begin(), setting.choices.end(), to_lower(text));
  if (found == setting.choices.end()) return invalid(fmt::format("is not {}", setting.accepts()));
  field = static_cast<Enum>(found - setting.choices.begin());
  return Status::ok();
}

Status store(const Setting& setting, std::string& field, std::string_view text) {
  // An empty port_file means none; any other empty text is a variable that was left empty by mistake.
  if (text.empty() && !setting.default_text().empty()) return invalid("is empty");
  if (text.find('\0') != std::string_view::npos) return invalid("has a zero byte in it");
  field = text;
  return Status::ok();
}

bool is_host_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view(".:-_%").find(c) != std::string_view::npos;
}

Status store(const Setting&, std::vector<std::string>& field, std::string_view text) {
  std::vector<std::string> items;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view item = text.substr(begin, end - begin);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.empty()) return invalid("has an empty address in it");
    if (!std::all_of(item.begin(), item.end(), is_host_char)) {
      return invalid("is not a list of addresses (write 127.0.0.1,::1)");
    }
    items.emplace_back(item);
    begin = end + 1;
  }
  field = std::move(items);
  return Status::ok();
}

std::string show(const Setting& setting, std::uint64_t value) {
  return setting.type == SettingType::kSize ? format_size(value) : fmt::format("{}", value);
}
std::string show(const Setting&, double value) { return fmt::format("{}", value); }
std::string show(const Setting&, bool value) { return value ? "true" : "false"; }
std::string show(const Setting&, const std::string& value) { return value; }
std::string show(const Setting&, const std::vector<std::string>& value) {
  return fmt::format("{}", fmt::join(value, ","));
}
template <typename Enum>
  requires std::is_enum_v<Enum>
std::string show(const Setting& setting, Enum value) {
  return std::string(setting.choices[static_cast<std::size_t>(value)]);
}

}  // namespace

std::string Setting::flag() const {
  std::string flag = fmt::format("--{}", key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string Setting::environment() const {
  std::string name = fmt::format("MINIKV_{}", key);
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

std::string Setting::get(const Config& config) const {
  return std::visit([&](auto member) { return show(*this, config.*member); }, field);
}

Status Setting::set(Config& config, std::string_view text) const {
  return std::visit([&](auto member) { return store(*this, config.*member, text); }, field);
}

std::string Setting::accepts() const {
  switch (type) {
    case SettingType::kInteger: return fmt::format("{} to {}", min, max);
    case SettingType::kRatio: return fmt::format("{} to 1", kMinRatio);
    case SettingType::kSize: return fmt::format("{} to {}", format_size(min), format_size(max));
    case SettingType::kChoice:
      return fmt::format("{} or {}", fmt::join(choices.begin(), choices.end() - 1, ", "), choices.back());
    case SettingType::kFlag: return "true or false";
    case SettingType::kText:
    case SettingType::kList: return {};
  }
  return {};
}

std::string Setting::default_text() const {
  return default_note.empty() ? get(Config()) : std::string(default_note);
}

}  // namespace minikv::server
