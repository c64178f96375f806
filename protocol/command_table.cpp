#include "protocol/command_table.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "protocol/ascii.h"

namespace minikv::protocol {
namespace {

// Short names for the columns of commands.def.
constexpr std::uint32_t TEXT = kFlagText;
constexpr std::uint32_t RESP = kFlagResp;
constexpr std::uint32_t WRITE = kFlagWrite;
constexpr std::uint32_t READ = kFlagReadOnly;
constexpr std::uint32_t FAST = kFlagFast;
constexpr std::uint32_t ADMIN = kFlagAdmin;
constexpr std::uint32_t NO_AUTH = kFlagNoAuth;
constexpr std::uint32_t BLOCKING = kFlagBlocking;
constexpr std::uint32_t AT_ONCE = kFlagAtOnce;
constexpr std::uint32_t NO_MULTI = kFlagNoMulti;
constexpr std::uint16_t MANY = kAnyNumber;
constexpr std::span<const std::string_view> NONE;

template <std::size_t kSize>
struct FixedString {
  constexpr FixedString(const char (&text)[kSize]) { std::copy_n(text, kSize, bytes); }
  char bytes[kSize]{};
};

// Storage for a row's aliases, with static lifetime.
template <FixedString... kNames>
constexpr std::array<std::string_view, sizeof...(kNames)> kAliases = {std::string_view(kNames.bytes)...};

#define ALIASES(...) std::span<const std::string_view>(kAliases<__VA_ARGS__>)

constexpr CommandSpec kCommands[] = {
#define MINIKV_COMMAND(id, name, aliases, flags, form, ...) \
  {CommandId::id, name, aliases, flags, TextForm::form, __VA_ARGS__},
#include "protocol/commands.def"
#undef MINIKV_COMMAND
};

// A verb as the index holds it: looked up by binary search in an array that is sorted at compile time.
struct IndexEntry {
  std::string_view verb;
  const CommandSpec* command;
};

constexpr std::size_t kMaxVerbBytes = 16;

template <typename Visit>
constexpr void for_each_text_verb(Visit visit) {
  for (const CommandSpec& command : kCommands) {
    if ((command.flags & kFlagText) == 0) continue;
    visit(command.name, command);
    for (std::string_view alias : command.aliases) visit(alias, command);
  }
}

template <typename Visit>
constexpr void for_each_resp_verb(Visit visit) {
  for (const CommandSpec& command : kCommands) {
    if ((command.flags & kFlagResp) == 0) continue;
    visit(command.resp_name, command);
    if (command.name != command.resp_name) visit(command.name, command);
  }
}

constexpr std::size_t kTextVerbs = [] {
  std::size_t count = 0;
  for_each_text_verb([&](std::string_view, const CommandSpec&) { ++count; });
  return count;
}();

constexpr std::size_t kRespVerbs = [] {
  std::size_t count = 0;
  for_each_resp_verb([&](std::string_view, const CommandSpec&) { ++count; });
  return count;
}();

constexpr auto kTextIndex = [] {
  std::array<IndexEntry, kTextVerbs> index{};
  std::size_t at = 0;
  for_each_text_verb([&](std::string_view verb, const CommandSpec& c) { index[at++] = {verb, &c}; });
  std::ranges::sort(index, {}, &IndexEntry::verb);
  return index;
}();

constexpr auto kRespIndex = [] {
  std::array<IndexEntry, kRespVerbs> index{};
  std::size_t at = 0;
  for_each_resp_verb([&](std::string_view verb, const CommandSpec& c) { index[at++] = {verb, &c}; });
  std::ranges::sort(index, {}, &IndexEntry::verb);
  return index;
}();

const CommandSpec* find_in(std::span<const IndexEntry> index, std::string_view verb) {
  std::array<char, kMaxVerbBytes> lower;
  if (verb.size() > lower.size()) return nullptr;
  std::ranges::transform(verb, lower.begin(), to_lower);
  const std::string_view wanted(lower.data(), verb.size());
  const auto found = std::ranges::lower_bound(index, wanted, {}, &IndexEntry::verb);
  return found != index.end() && found->verb == wanted ? found->command : nullptr;
}

}  // namespace

std::span<const CommandSpec> all_commands() { return kCommands; }

const CommandSpec& command_spec(CommandId id) { return kCommands[static_cast<std::size_t>(id)]; }

const CommandSpec* find_text_command(std::string_view verb) { return find_in(kTextIndex, verb); }

const CommandSpec* find_resp_command(std::string_view verb) { return find_in(kRespIndex, verb); }

}  // namespace minikv::protocol
