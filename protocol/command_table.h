// The one table of commands and subcommands. Text parsing, RESP arity checks, HELP, COMMAND, the client's
// completion and the command reference in docs/ all come from it; the dispatcher in server/ has one handler
// for each id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace minikv::protocol {

enum class CommandId : std::uint8_t {
#define MINIKV_COMMAND(id, ...) id,
#define MINIKV_CONTAINER(id, ...) id,
#include "protocol/commands.def"
#undef MINIKV_COMMAND
#undef MINIKV_CONTAINER
#define MINIKV_SUBCOMMAND(id, ...) id,
#include "protocol/subcommands.def"
#undef MINIKV_SUBCOMMAND
};

// CommandSpec::text_args_max: any number of arguments.
inline constexpr std::uint16_t kAnyNumber = 0xFFFF;

// Bits of CommandSpec::flags.
enum CommandFlags : std::uint32_t {
  kFlagWrite = 1u << 0,     // changes the store: goes through the writer
  kFlagReadOnly = 1u << 1,  // looks at the store
  kFlagFast = 1u << 2,      // O(1) or O(log n)
  kFlagAdmin = 1u << 3,
  kFlagNoAuth = 1u << 4,    // allowed before authentication
  kFlagBlocking = 1u << 5,  // may take long; other connections go on
  kFlagText = 1u << 6,      // has a text form
  kFlagResp = 1u << 7,      // has a RESP form
  kFlagAtOnce = 1u << 8,    // within a transaction: carried out, not queued
  kFlagNoMulti = 1u << 9,   // within a transaction: refused, and the transaction with it

  // The dispatcher obeys these flags; COMMAND does not report them.
  kFlagOutsideMulti = 1u << 10,  // refused while a transaction is open, which stays as it was
  kFlagInsideMulti = 1u << 11,   // refused unless a transaction is open
  kFlagWhenQuiet = 1u << 12,     // waits until nothing of its connection is in flight
  kFlagBehindWrites = 1u << 13,  // sees what its connection has written: if that is in flight, by the writer
};

// As Redis groups its commands, for COMMAND DOCS.
enum class CommandGroup : std::uint8_t {
  kString,
  kBitmap,
  kGeneric,
  kServer,
  kConnection,
  kTransactions,
  kCluster,
};

// "string", "bitmap", ...
std::string_view group_name(CommandGroup group);

// How the text dialect reads the arguments.
enum class TextForm : std::uint8_t {
  kTokens,      // tokens and quoted strings
  kRestOfLine,  // `fixed_args` of them, then one space, then the rest of the line verbatim
  kPut,         // key, length, options; then a body
};

// A row of the table, which fills in id and container by itself.
struct CommandSpec {
  CommandId id{};
  CommandId container{};  // of a subcommand; of any other command its own id

  std::string_view name;  // lower case; the verb of the text dialect, and what help calls it
  std::span<const std::string_view> aliases{};  // text dialect only
  std::uint32_t flags = 0;
  CommandGroup group{};

  // The text form.
  TextForm text_form = TextForm::kTokens;
  std::uint8_t fixed_args = 0;      // kRestOfLine: tokens before the rest
  std::uint16_t text_args_min = 0;  // without the verb
  std::uint16_t text_args_max = 0;  // may be kAnyNumber
  std::string_view usage{};         // "set key value..."; empty: no text form

  // The RESP form. Its name is lower case, as Redis has it ("del", "client|setname"); empty: no RESP form. A
  // row names it only where it is not `name`.
  std::string_view resp_name{};
  std::int16_t arity = 0;  // as Redis counts: with the verb; negative: at least
  std::int8_t first_key = 0, last_key = 0, key_step = 0;  // as Redis counts; 0: no keys
  std::string_view syntax{};                              // see syntax.h; empty: no RESP form, or a container

  std::string_view summary{};  // one line for people

  constexpr bool has(CommandFlags flag) const { return (flags & flag) != 0; }
  bool is_subcommand() const { return container != id; }

  // Whether a RESP request may have so many elements, the verb included.
  bool takes(std::size_t count) const {
    return arity >= 0 ? count == static_cast<std::size_t>(arity) : count >= static_cast<std::size_t>(-arity);
  }
};

// The commands, without the subcommands.
std::span<const CommandSpec> all_commands();
// Empty for a command that has none.
std::span<const CommandSpec> subcommands_of(CommandId container);
const CommandSpec& command_spec(CommandId id);

// In any case; null if the dialect has no such command. The text dialect finds a command by name or alias,
// RESP by resp_name, or by name if there is a RESP form.
const CommandSpec* find_text_command(std::string_view verb);
const CommandSpec* find_resp_command(std::string_view verb);
// Finds a subcommand by its second word, in any case; null if the command has none of that name.
const CommandSpec* find_subcommand(const CommandSpec& command, std::string_view word);
// Finds a command or subcommand by its full name, as in resp_name, or a command by its name.
const CommandSpec* find_resp_command_by_full_name(std::string_view name);

}  // namespace minikv::protocol
