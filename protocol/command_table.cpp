// The rows of commands.def and subcommands.def, checked and indexed by verb at compile time.
#include "protocol/command_table.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "protocol/ascii.h"

namespace minikv::protocol {
namespace {

// Short names for the rows of commands.def.
using enum TextForm;
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
constexpr std::uint32_t OUTSIDE_MULTI = kFlagOutsideMulti;
constexpr std::uint32_t INSIDE_MULTI = kFlagInsideMulti;
constexpr std::uint32_t WHEN_QUIET = kFlagWhenQuiet;
constexpr std::uint32_t BEHIND_WRITES = kFlagBehindWrites;
constexpr std::uint16_t MANY = kAnyNumber;
constexpr CommandGroup STRING = CommandGroup::kString;
constexpr CommandGroup BITMAP = CommandGroup::kBitmap;
constexpr CommandGroup GENERIC = CommandGroup::kGeneric;
constexpr CommandGroup SERVER = CommandGroup::kServer;
constexpr CommandGroup CONNECTION = CommandGroup::kConnection;
constexpr CommandGroup TRANSACTIONS = CommandGroup::kTransactions;
constexpr CommandGroup CLUSTER = CommandGroup::kCluster;

template <std::size_t kSize>
struct FixedString {
  constexpr FixedString(const char (&text)[kSize]) { std::copy_n(text, kSize, bytes); }
  char bytes[kSize]{};
};

// Storage for a row's aliases, with static lifetime.
template <FixedString... kNames>
constexpr std::array<std::string_view, sizeof...(kNames)> kAliases = {std::string_view(kNames.bytes)...};

#define ALIASES(...) std::span<const std::string_view>(kAliases<__VA_ARGS__>)

constexpr CommandSpec command_row(CommandId id, CommandSpec row) {
  row.id = row.container = id;
  if ((row.flags & RESP) != 0 && row.resp_name.empty()) row.resp_name = row.name;
  return row;
}

// A container alone can't be sent, so it has no syntax.
constexpr CommandSpec container_row(CommandId id, CommandSpec row) {
  row.flags = RESP;
  row.arity = -2;
  return command_row(id, row);
}

constexpr CommandSpec subcommand_row(CommandId id, CommandId container, CommandSpec row) {
  row.flags |= RESP;
  row = command_row(id, row);
  row.container = container;
  return row;
}

constexpr CommandSpec kRows[] = {
#define MINIKV_COMMAND(id, ...) command_row(CommandId::id, {__VA_ARGS__}),
#define MINIKV_CONTAINER(id, ...) container_row(CommandId::id, {__VA_ARGS__}),
#include "protocol/commands.def"
#undef MINIKV_COMMAND
#undef MINIKV_CONTAINER
#define MINIKV_SUBCOMMAND(id, container, ...) \
  subcommand_row(CommandId::id, CommandId::container, {__VA_ARGS__}),
#include "protocol/subcommands.def"
#undef MINIKV_SUBCOMMAND
};

constexpr bool all_rows(auto holds) { return std::ranges::all_of(kRows, holds); }

static_assert(all_rows([](const CommandSpec& row) {
                return !row.has(kFlagReadOnly) || row.has(kFlagBehindWrites);
              }),
              "a command that looks at the store sees what its connection has written");
static_assert(all_rows([](const CommandSpec& row) {
                return (row.flags & (OUTSIDE_MULTI | INSIDE_MULTI)) == 0 || row.has(kFlagAtOnce);
              }),
              "what is queued is outside of a transaction by the time it is carried out");

// The rows that are no subcommands come first.
constexpr std::size_t kCommandCount = [] {
  std::size_t count = 0;
  while (count < std::size(kRows) && kRows[count].container == kRows[count].id) ++count;
  return count;
}();
constexpr std::span<const CommandSpec> kCommands(kRows, kCommandCount);
constexpr std::span<const CommandSpec> kSubcommands(kRows + kCommandCount, std::size(kRows) - kCommandCount);

// The range of a container's subcommands in kSubcommands.
struct Extent {
  std::uint8_t first = 0;
  std::uint8_t count = 0;
};

constexpr auto kExtents = [] {
  std::array<Extent, kCommandCount> extents{};
  for (std::size_t i = 0; i < kSubcommands.size(); ++i) {
    Extent& extent = extents[static_cast<std::size_t>(kSubcommands[i].container)];
    if (extent.count++ == 0) extent.first = static_cast<std::uint8_t>(i);
  }
  return extents;
}();

constexpr bool are_neighbours() {
  for (std::size_t i = 0; i < kSubcommands.size(); ++i) {
    const Extent& extent = kExtents[static_cast<std::size_t>(kSubcommands[i].container)];
    if (i < extent.first || i >= std::size_t{extent.first} + extent.count) return false;
  }
  return true;
}
static_assert(are_neighbours(), "the subcommands of a container stand together in subcommands.def");
static_assert(std::size(kRows) < 256, "a CommandId is a byte");

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

// A hash table with open addressing, keyed by a verb's length and three of its bytes, and filled at compile
// time. A slot holds 0 if it is empty, else the verb's position in the index plus 1.
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

std::span<const CommandSpec> subcommands_of(CommandId container) {
  if (static_cast<std::size_t>(container) >= kCommandCount) return {};
  const Extent& extent = kExtents[static_cast<std::size_t>(container)];
  return kSubcommands.subspan(extent.first, extent.count);
}

const CommandSpec& command_spec(CommandId id) { return kRows[static_cast<std::size_t>(id)]; }

std::string_view group_name(CommandGroup group) {
  constexpr std::array<std::string_view, 7> kNames = {"string",     "bitmap",       "generic", "server",
                                                      "connection", "transactions", "cluster"};
  return kNames[static_cast<std::size_t>(group)];
}

const CommandSpec* find_text_command(std::string_view verb) { return find_in(kTextIndex, kTextSlots, verb); }

const CommandSpec* find_resp_command(std::string_view verb) { return find_in(kRespIndex, kRespSlots, verb); }

const CommandSpec* find_subcommand(const CommandSpec& command, std::string_view word) {
  for (const CommandSpec& one : subcommands_of(command.id)) {
    const std::string_view second = one.resp_name.substr(command.resp_name.size() + 1);
    if (second.size() == word.size() && equals_ignoring_case(second, word)) return &one;
  }
  return nullptr;
}

const CommandSpec* find_resp_command_by_full_name(std::string_view name) {
  const std::size_t bar = name.find('|');
  const CommandSpec* command = find_resp_command(name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return find_subcommand(*command, name.substr(bar + 1));
}

}  // namespace minikv::protocol
