// The one table of commands. Text parsing, RESP arity checks, HELP, COMMAND, the client's completion and the
// command reference in docs/ all come from it; the dispatcher in server/ has one handler for each id.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace minikv::protocol {

enum class CommandId : std::uint8_t {
#define MINIKV_COMMAND(id, ...) id,
#include "protocol/commands.def"
#undef MINIKV_COMMAND
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
  kFlagNoMulti = 1u << 9,   // not allowed within a transaction
};

// How the text dialect reads the arguments.
enum class TextForm : std::uint8_t {
  kTokens,      // tokens and quoted strings
  kRestOfLine,  // `fixed_args` of them, then one space, then the rest of the line verbatim
  kPut,         // key, length, options; then a body
};

struct CommandSpec {
  CommandId id;
  std::string_view name;  // lower case; the verb of the text dialect, and what help calls it
  std::span<const std::string_view> aliases;  // text dialect only
  std::uint32_t flags;
  TextForm text_form;
  std::uint8_t fixed_args;                     // kRestOfLine: tokens before the rest
  std::uint16_t text_args_min, text_args_max;  // without the verb; max may be kAnyNumber
  std::string_view resp_name;                  // lower case, as Redis names it ("del"); empty: no RESP form
  std::int16_t arity;                          // RESP, as Redis counts: with the verb; negative: at least
  std::int8_t first_key, last_key, key_step;   // as Redis counts; 0: no keys
  std::string_view usage;                      // text: "set key value..."; empty: no text form
  std::string_view resp_usage;                 // "SETEX key seconds value"; empty: no RESP form
  std::string_view summary;                    // one line for people

  // Whether a RESP request may have so many elements, the verb included.
  bool takes(std::size_t count) const {
    return arity >= 0 ? count == static_cast<std::size_t>(arity) : count >= static_cast<std::size_t>(-arity);
  }
};

std::span<const CommandSpec> all_commands();
const CommandSpec& command_spec(CommandId id);

// Any case; null if there is none in that dialect. Text: by name or alias. RESP: by resp_name, and by name if
// there is a RESP form.
const CommandSpec* find_text_command(std::string_view verb);
const CommandSpec* find_resp_command(std::string_view verb);

}  // namespace minikv::protocol
