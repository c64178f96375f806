// The column of the table that says what arguments a command takes: it is read as COMMAND DOCS structures it,
// and agrees with the other columns.
#include "protocol/syntax.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::protocol {
namespace {

const CommandSpec& spec(std::string_view name) { return *find_resp_command_by_full_name(name); }

// Name, type, token, flags, and what is in it: "condition:oneof?{nx:pure-token(NX) xx:pure-token(XX)}"
std::string shown(const std::vector<Argument>& arguments) {
  std::string text;
  for (const Argument& one : arguments) {
    if (!text.empty()) text += ' ';
    text += one.name + ":" + std::string(argument_type_name(one.type));
    if (!one.token.empty()) text += "(" + one.token + ")";
    if (one.is_optional) text += '?';
    if (one.repeats) text += '*';
    if (!one.arguments.empty()) text += "{" + shown(one.arguments) + "}";
  }
  return text;
}

TEST(SyntaxTest, IsReadAsRedisStructuresArguments) {
  const struct {
    std::string_view command;
    std::string_view arguments;
  } kCases[] = {
      {"get", "key:key"},
      {"ping", "message:string?"},
      {"mget", "key:key*"},
      {"mset", "key_value:block*{key:key value:string}"},
      {"set",
       "key:key value:string condition:oneof?{nx:pure-token(NX) xx:pure-token(XX)} get:pure-token(GET)? "
       "expiration:oneof?{seconds:integer(EX) milliseconds:integer(PX) unix-time-seconds:unix-time(EXAT) "
       "unix-time-milliseconds:unix-time(PXAT) keepttl:pure-token(KEEPTTL)}"},
      {"scan", "cursor:integer pattern:pattern(MATCH)? count:integer(COUNT)? type:string(TYPE)?"},
      {"bitpos",
       "key:key bit:integer index:block?{start:integer end_index:block?{end:integer "
       "index_unit:oneof?{byte:pure-token(BYTE) bit:pure-token(BIT)}}}"},
      {"incrbyfloat", "key:key increment:double"},
      {"hello",
       "arguments:block?{protover:integer username_password:block(AUTH)?{username:string password:string} "
       "clientname:string(SETNAME)?}"},
      {"client|list",
       "normal_master_replica_pubsub:oneof(TYPE)?{normal:pure-token(NORMAL) master:pure-token(MASTER) "
       "replica:pure-token(REPLICA) pubsub:pure-token(PUBSUB)} client-id:block(ID)?{client-id:integer*}"},
      {"client", ""},
      {"command", ""},
  };
  for (const auto& one : kCases)
    EXPECT_EQ(shown(arguments_of(spec(one.command))), one.arguments) << one.command;
}

TEST(SyntaxTest, IsWrittenAsPeopleReadIt) {
  const struct {
    std::string_view command;
    std::string_view usage;
  } kCases[] = {
      {"set",
       "SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
       "PXAT unix-time-milliseconds | KEEPTTL]"},
      {"mset", "MSET key value [key value ...]"},
      {"bitcount", "BITCOUNT key [start end [BYTE | BIT]]"},
      {"client|reply", "CLIENT REPLY ON | OFF | SKIP"},
      {"client|list", "CLIENT LIST [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]"},
      {"config|set", "CONFIG SET parameter value [parameter value ...]"},
      {"incrbyfloat", "INCRBYFLOAT key increment"},
      {"dbsize", "DBSIZE"},
      {"config", "CONFIG subcommand [argument ...]"},
  };
  for (const auto& one : kCases) EXPECT_EQ(resp_usage(spec(one.command)), one.usage);
  EXPECT_EQ(resp_usage(command_spec(CommandId::kPut)), "");
}

// How many words a request has at least, its own name not counted; and whether it may have more.
struct Extent {
  std::size_t least = 0;
  bool may_have_more = false;
};

Extent extent_of(const std::vector<Argument>& arguments);

Extent extent_of(const Argument& argument) {
  Extent extent{1, false};
  switch (argument.type) {
    case ArgumentType::kPureToken: return {argument.is_optional ? 0U : 1U, argument.is_optional};
    case ArgumentType::kBlock: extent = extent_of(argument.arguments); break;
    case ArgumentType::kOneOf:
      extent.least = SIZE_MAX;
      for (const Argument& one : argument.arguments) {
        const Extent alternative = extent_of(one);
        extent.may_have_more = extent.may_have_more || alternative.may_have_more ||
                               (extent.least != SIZE_MAX && alternative.least != extent.least);
        extent.least = std::min(extent.least, alternative.least);
      }
      break;
    default: break;
  }
  if (!argument.token.empty()) ++extent.least;
  if (argument.repeats) extent.may_have_more = true;
  return argument.is_optional ? Extent{0, true} : extent;
}

Extent extent_of(const std::vector<Argument>& arguments) {
  Extent all;
  for (const Argument& one : arguments) {
    const Extent extent = extent_of(one);
    all.least += extent.least;
    all.may_have_more = all.may_have_more || extent.may_have_more;
  }
  return all;
}

void expect_agreement(const CommandSpec& command) {
  SCOPED_TRACE(command.resp_name);
  if (command.syntax.empty()) return;
  const std::vector<Argument> arguments = arguments_of(command);
  const Extent extent = extent_of(arguments);
  const std::size_t words = command.is_subcommand() ? 2 : 1;
  // Redis counts no argument of QUIT, FLUSHALL and the like, and the command looks at them itself.
  const auto least = static_cast<std::size_t>(std::abs(command.arity));
  EXPECT_TRUE(extent.least + words == least || command.resp_name == "client|kill" ||
              command.resp_name == "info")
      << extent.least + words;
  EXPECT_EQ(extent.may_have_more,
            command.arity < 0 && command.id != CommandId::kQuit && command.id != CommandId::kCommand);
  const bool begins_with_key =
      !arguments.empty() &&
      (arguments[0].type == ArgumentType::kKey ||
       (arguments[0].type == ArgumentType::kBlock && arguments[0].arguments[0].type == ArgumentType::kKey));
  EXPECT_EQ(begins_with_key, command.first_key == 1);
}

TEST(SyntaxTest, AgreesWithArityAndKeys) {
  for (const CommandSpec& command : all_commands()) {
    expect_agreement(command);
    for (const CommandSpec& one : subcommands_of(command.id)) expect_agreement(one);
  }
}

}  // namespace
}  // namespace minikv::protocol
