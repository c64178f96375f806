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

// A verb as the index holds it.
struct IndexEntry {
  std::string_view verb;
  const CommandSpec* command;
};

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
  return index;
}();

constexpr auto kRespIndex = [] {
  std::array<IndexEntry, kRespVerbs> index{};
  std::size_t at = 0;
  for_each_resp_verb([&](std::string_view verb, const CommandSpec& c) { index[at++] = {verb, &c}; });
  return index;
}();

// Where in an index a verb is: open addressing, by its length and a few of its bytes. Filled at compile time; 0: empty, else
// one more than the place in the index.
constexpr std::size_t kSlots = 512;
using Slots = std::array<std::uint8_t, kSlots>;

constexpr std::size_t slot_of(std::string_view verb) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(to_lower(verb[i])));
  };
  const std::size_t mixed =
      131 * byte(0) + 31 * byte(verb.size() / 2) + 7 * byte(verb.size() - 1) + 57 * verb.size();
  return mixed % kSlots;
}

template <std::size_t kSize>
constexpr Slots make_slots(const std::array<IndexEntry, kSize>& index) {
  static_assert(kSize < 255);  // a slot is a byte, and at most half of the slots are taken
  Slots slots{};
  for (std::size_t i = 0; i < kSize; ++i) {
    std::size_t slot = slot_of(index[i].verb);
    while (slots[slot] != 0) slot = (slot + 1) % kSlots;
    slots[slot] = static_cast<std::uint8_t>(i + 1);
  }
  return slots;
}

constexpr Slots kTextSlots = make_slots(kTextIndex), kRespSlots = make_slots(kRespIndex);

const CommandSpec* find_in(std::span<const IndexEntry> index, const Slots& slots, std::string_view verb) {
  if (verb.empty()) return nullptr;
  for (std::size_t slot = slot_of(verb); slots[slot] != 0; slot = (slot + 1) % kSlots) {
    const IndexEntry& entry = index[slots[slot] - std::size_t{1}];
    if (entry.verb.size() == verb.size() && equals_ignoring_case(entry.verb, verb)) return entry.command;
  }
  return nullptr;
}

}  // namespace

std::span<const CommandSpec> all_commands() { return kCommands; }

const CommandSpec& command_spec(CommandId id) { return kCommands[static_cast<std::size_t>(id)]; }

const CommandSpec* find_text_command(std::string_view verb) { return find_in(kTextIndex, kTextSlots, verb); }

const CommandSpec* find_resp_command(std::string_view verb) { return find_in(kRespIndex, kRespSlots, verb); }

}  // namespace minikv::protocol
