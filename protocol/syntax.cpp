// Parses the notation, gives unnamed groups the names that Redis would give, and writes arguments as text.
#include "protocol/syntax.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <utility>

#include "protocol/ascii.h"

namespace minikv::protocol {
namespace {

constexpr std::array<std::string_view, 9> kTypeNames = {
    "key", "string", "integer", "double", "pattern", "unix-time", "pure-token", "oneof", "block"};

// Names that tell an argument's type; all others are strings.
struct NamedType {
  std::string_view name;
  ArgumentType type;
};
constexpr NamedType kNamedTypes[] = {
    {"key", ArgumentType::kKey},
    {"key1", ArgumentType::kKey},
    {"key2", ArgumentType::kKey},
    {"newkey", ArgumentType::kKey},
    {"source", ArgumentType::kKey},
    {"destination", ArgumentType::kKey},
    {"pattern", ArgumentType::kPattern},
    {"unix-time-seconds", ArgumentType::kUnixTime},
    {"unix-time-milliseconds", ArgumentType::kUnixTime},
    {"seconds", ArgumentType::kInteger},
    {"milliseconds", ArgumentType::kInteger},
    {"start", ArgumentType::kInteger},
    {"end", ArgumentType::kInteger},
    {"offset", ArgumentType::kInteger},
    {"bit", ArgumentType::kInteger},
    {"count", ArgumentType::kInteger},
    {"cursor", ArgumentType::kInteger},
    {"increment", ArgumentType::kInteger},
    {"decrement", ArgumentType::kInteger},
    {"len", ArgumentType::kInteger},
    {"version", ArgumentType::kInteger},
    {"destination-db", ArgumentType::kInteger},
    {"index", ArgumentType::kInteger},
    {"numreplicas", ArgumentType::kInteger},
    {"timeout", ArgumentType::kInteger},
    {"protover", ArgumentType::kInteger},
    {"client-id", ArgumentType::kInteger},
    {"slot", ArgumentType::kInteger},
};

bool is_token(std::string_view word) {
  return std::ranges::all_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
}

std::string lower_case_of(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

Argument make_token(std::string_view word) {
  Argument argument;
  argument.name = lower_case_of(word);
  argument.type = ArgumentType::kPureToken;
  argument.token = word;
  return argument;
}

Argument make_named(std::string_view word) {
  Argument argument;
  if (const std::size_t colon = word.rfind(':'); colon != std::string_view::npos) {
    const auto* const known = std::ranges::find(kTypeNames, word.substr(colon + 1));
    if (known != kTypeNames.end()) {
      argument.name = word.substr(0, colon);
      argument.type = static_cast<ArgumentType>(known - kTypeNames.begin());
      return argument;
    }
  }
  argument.name = word;
  const auto* const known = std::ranges::find(kNamedTypes, word, &NamedType::name);
  if (known != std::end(kNamedTypes)) argument.type = known->type;
  return argument;
}

std::string joined_names(const std::vector<Argument>& arguments) {
  std::string names;
  for (const Argument& argument : arguments) names += (names.empty() ? "" : "_") + argument.name;
  return names;
}

// Makes one argument of the items between two brackets, or between two `|` there.
Argument make_one(std::vector<Argument> items) {
  assert(!items.empty());
  if (items.size() == 1) return std::move(items.front());
  const bool has_token = items.front().type == ArgumentType::kPureToken && !items.front().is_optional;
  // If an argument repeats, the word before it does not.
  const bool is_one_argument =
      items.size() == 2 && items[1].token.empty() && !items[1].is_optional && !items[1].repeats;
  if (has_token && is_one_argument) {
    items[1].token = std::move(items.front().token);
    return std::move(items[1]);
  }
  Argument block;
  block.type = ArgumentType::kBlock;
  if (has_token) {
    block.token = std::move(items.front().token);
    items.erase(items.begin());
  }
  block.name = joined_names(items);
  block.arguments = std::move(items);
  return block;
}

class SyntaxReader {
 public:
  explicit SyntaxReader(std::string_view syntax) : left_(syntax) {}

  // Up to a closing bracket, a `|` or the end.
  std::vector<Argument> sequence() {
    std::vector<Argument> items;
    for (skip_spaces(); !left_.empty() && !is_one_of("]>|"); skip_spaces()) items.push_back(item());
    return items;
  }
  bool done() const { return left_.empty(); }

 private:
  bool is_one_of(std::string_view characters) const {
    return characters.find(left_.front()) != characters.npos;
  }
  void skip_spaces() {
    while (left_.starts_with(' ')) left_.remove_prefix(1);
  }
  bool take(std::string_view what) {
    const bool is_there = left_.starts_with(what);
    if (is_there) left_.remove_prefix(what.size());
    return is_there;
  }

  Argument item() {
    Argument argument;
    if (is_one_of("[<")) {
      argument = group();
    } else {
      std::string_view word = left_.substr(0, left_.find_first_of(" ]>="));
      left_.remove_prefix(word.size());
      if (take("=")) {
        argument = group();
        argument.name = word;
        return with_repetition(std::move(argument));
      }
      const bool repeats = word.ends_with("...");
      if (repeats) word.remove_suffix(3);
      argument = is_token(word) ? make_token(word) : make_named(word);
      argument.repeats = repeats;
    }
    return with_repetition(std::move(argument));
  }

  Argument with_repetition(Argument argument) {
    if (take("...")) argument.repeats = true;
    return argument;
  }

  Argument group() {
    const bool is_optional = left_.front() == '[';
    left_.remove_prefix(1);
    std::vector<Argument> alternatives;
    do {
      alternatives.push_back(make_one(sequence()));
    } while (take("|"));
    [[maybe_unused]] const bool closed = take(is_optional ? "]" : ">");
    assert(closed);
    Argument argument;
    if (alternatives.size() == 1) {
      argument = std::move(alternatives.front());
    } else {
      argument.type = ArgumentType::kOneOf;
      argument.name = joined_names(alternatives);
      argument.arguments = std::move(alternatives);
    }
    argument.is_optional = argument.is_optional || is_optional;
    return argument;
  }

  std::string_view left_;
};

std::string written(const Argument& argument);

std::string written(const std::vector<Argument>& arguments, std::string_view between) {
  std::string text;
  for (const Argument& argument : arguments) {
    if (!text.empty()) text += between;
    text += written(argument);
  }
  return text;
}

std::string written(const Argument& argument) {
  std::string value;
  switch (argument.type) {
    case ArgumentType::kPureToken: break;
    case ArgumentType::kOneOf: value = written(argument.arguments, " | "); break;
    case ArgumentType::kBlock: value = written(argument.arguments, " "); break;
    default: value = argument.name;
  }
  std::string text = argument.token;
  if (!text.empty() && !value.empty()) text += ' ';
  text += value;
  if (argument.repeats) text += " [" + value + " ...]";
  return argument.is_optional ? "[" + text + "]" : text;
}

// The name of a command has one word, that of a subcommand two.
std::size_t end_of_name(const CommandSpec& command) {
  std::size_t end = command.syntax.find(' ');
  if (command.is_subcommand()) end = command.syntax.find(' ', end + 1);
  return std::min(end, command.syntax.size());
}

}  // namespace

std::string_view argument_type_name(ArgumentType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

std::vector<Argument> arguments_of(const CommandSpec& command) {
  SyntaxReader reader(command.syntax.substr(end_of_name(command)));
  std::vector<Argument> arguments = reader.sequence();
  assert(reader.done());
  return arguments;
}

std::string resp_usage(const CommandSpec& command) {
  if (command.syntax.empty() && !command.resp_name.empty()) {
    std::string usage(command.resp_name);
    std::ranges::transform(usage, usage.begin(), to_upper);
    return usage + " subcommand [argument ...]";
  }
  std::string usage(command.syntax.substr(0, end_of_name(command)));
  const std::string arguments = written(arguments_of(command), " ");
  return arguments.empty() ? usage : usage + " " + arguments;
}

}  // namespace minikv::protocol
