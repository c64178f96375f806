// The arguments of a command: parsed from the table's column `syntax`, structured as in Redis' COMMAND DOCS,
// and written out for people.
//
//   SET key value condition=[NX | XX] [GET] expiration=[EX seconds | PX milliseconds | KEEPTTL]
//   MSET <key value>...
//
//   WORD         stands for itself           name      an argument; name:type, where its name does not tell
//   [ ... ]      may be left out             < ... >   belongs together
//   a | b        one of these, in brackets   x...      one or more of it
//   name=[ ... ] what Redis calls a group that has a name of its own
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command_table.h"

namespace minikv::protocol {

enum class ArgumentType : std::uint8_t {
  kKey,
  kString,
  kInteger,
  kDouble,
  kPattern,
  kUnixTime,
  kPureToken,  // the token alone
  kOneOf,
  kBlock,  // all of them, in this order
};

// "key", "pure-token", "oneof", ...
std::string_view argument_type_name(ArgumentType type);

// Thread safety: as a std::string.
struct Argument {
  std::string name;
  ArgumentType type = ArgumentType::kString;
  std::string token;  // the word before it; of kPureToken all there is
  bool is_optional = false;
  bool repeats = false;
  std::vector<Argument> arguments;  // of kOneOf and kBlock
};

// The arguments behind the command's name. The syntax has to be well-formed, as all syntax in the table is.
std::vector<Argument> arguments_of(const CommandSpec& command);

// "SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]"; of a container the form that its
// subcommands share. Empty for a command without a RESP form.
std::string resp_usage(const CommandSpec& command);

}  // namespace minikv::protocol
