// COMMAND: the table of commands, for clients.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/ascii.h"
#include "protocol/syntax.h"
#include "server/commands/glob.h"
#include "server/commands/handlers.h"
#include "server/commands/subcommands.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::CommandSpec;
using protocol::ReplyEncoder;

namespace {

// The version of minikv that all commands have come with.
constexpr std::string_view kSince = "0.1.0";

std::vector<const CommandSpec*> resp_commands() {
  std::vector<const CommandSpec*> found;
  for (const CommandSpec& command : protocol::all_commands()) {
    if (!command.resp_name.empty()) found.push_back(&command);
  }
  return found;
}

// The commands that the arguments name, null for an unknown one; all commands if there are no arguments.
std::vector<const CommandSpec*> chosen_commands(const Context& context) {
  if (context.args.empty()) return resp_commands();
  std::vector<const CommandSpec*> chosen;
  for (const protocol::Arg& arg : context.args)
    chosen.push_back(protocol::find_resp_command_by_full_name(arg.bytes));
  return chosen;
}

bool has_flag(const CommandSpec& command, std::uint32_t flag) { return (command.flags & flag) != 0; }

bool is_container(const CommandSpec& command) { return !protocol::subcommands_of(command.id).empty(); }

void encode_words(ReplyEncoder& reply, const std::vector<std::string_view>& words) {
  reply.set(words.size());
  for (const std::string_view word : words) reply.simple(word);
}

void encode_flags(ReplyEncoder& reply, const CommandSpec& command) {
  struct Name {
    std::uint32_t flag;
    std::string_view name;
  };
  static constexpr Name kNames[] = {{protocol::kFlagWrite, "write"},    {protocol::kFlagReadOnly, "readonly"},
                                    {protocol::kFlagAdmin, "admin"},    {protocol::kFlagFast, "fast"},
                                    {protocol::kFlagNoAuth, "no_auth"}, {protocol::kFlagNoMulti, "no_multi"}};
  std::vector<std::string_view> words;
  for (const Name& one : kNames) {
    if (has_flag(command, one.flag)) words.push_back(one.name);
  }
  encode_words(reply, words);
}

// Redis' flags of a key that a command reads, or may change.
std::vector<std::string_view> key_flags(const CommandSpec& command) {
  if (has_flag(command, protocol::kFlagWrite)) return {"RW", "update"};
  return {"RO", "access"};
}

// The positions of the keys once more, in the form that Redis has since 7.0.
void encode_key_specs(ReplyEncoder& reply, const CommandSpec& command) {
  if (command.first_key == 0) return reply.array(0);
  reply.array(1);
  reply.map(3);
  reply.bulk("flags");
  encode_words(reply, key_flags(command));
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("index");
  reply.bulk("spec");
  reply.map(1);
  reply.bulk("index");
  reply.integer(command.first_key);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("range");
  reply.bulk("spec");
  reply.map(3);
  reply.bulk("lastkey");
  reply.integer(command.last_key < 0 ? command.last_key : command.last_key - command.first_key);
  reply.bulk("keystep");
  reply.integer(command.key_step);
  reply.bulk("limit");
  reply.integer(0);
}

// As Redis 7: name, arity, flags, first, last and step of the keys; categories and hints, which do not exist
// here; key specifications and subcommands.
void encode_info(ReplyEncoder& reply, const CommandSpec* command) {
  if (command == nullptr) return reply.nil();
  reply.array(10);
  reply.bulk(command->resp_name);
  reply.integer(command->arity);
  encode_flags(reply, *command);
  reply.integer(command->first_key);
  reply.integer(command->last_key);
  reply.integer(command->key_step);
  reply.set(0);
  reply.set(0);
  encode_key_specs(reply, *command);
  const auto subcommands = protocol::subcommands_of(command->id);
  reply.array(subcommands.size());
  for (const CommandSpec& one : subcommands) encode_info(reply, &one);
}

void encode_arguments(ReplyEncoder& reply, const std::vector<protocol::Argument>& arguments);

void encode_argument(ReplyEncoder& reply, const protocol::Argument& argument) {
  const bool is_key = argument.type == protocol::ArgumentType::kKey;
  std::vector<std::string_view> flags;
  if (argument.is_optional) flags.emplace_back("optional");
  if (argument.repeats) flags.emplace_back("multiple");
  reply.map(2U + (is_key ? 1U : 0U) + (argument.token.empty() ? 0U : 1U) + (flags.empty() ? 0U : 1U) +
            (argument.arguments.empty() ? 0U : 1U));
  reply.bulk("name");
  reply.bulk(argument.name);
  reply.bulk("type");
  reply.bulk(protocol::argument_type_name(argument.type));
  if (is_key) {
    reply.bulk("key_spec_index");
    reply.integer(0);
  }
  if (!argument.token.empty()) {
    reply.bulk("token");
    reply.bulk(argument.token);
  }
  if (!flags.empty()) {
    reply.bulk("flags");
    encode_words(reply, flags);
  }
  if (!argument.arguments.empty()) {
    reply.bulk("arguments");
    encode_arguments(reply, argument.arguments);
  }
}

void encode_arguments(ReplyEncoder& reply, const std::vector<protocol::Argument>& arguments) {
  reply.array(arguments.size());
  for (const protocol::Argument& argument : arguments) encode_argument(reply, argument);
}

void encode_docs(ReplyEncoder& reply, const CommandSpec& command) {
  const std::vector<protocol::Argument> arguments = protocol::arguments_of(command);
  const auto subcommands = protocol::subcommands_of(command.id);
  reply.bulk(command.resp_name);
  reply.map(3U + (arguments.empty() ? 0U : 1U) + (subcommands.empty() ? 0U : 1U));
  reply.bulk("summary");
  reply.bulk(command.summary);
  reply.bulk("since");
  reply.bulk(kSince);
  reply.bulk("group");
  reply.bulk(protocol::group_name(command.group));
  if (!arguments.empty()) {
    reply.bulk("arguments");
    encode_arguments(reply, arguments);
  }
  if (!subcommands.empty()) {
    reply.bulk("subcommands");
    reply.map(subcommands.size());
    for (const CommandSpec& one : subcommands) encode_docs(reply, one);
  }
}

// The positions of the keys in a request, its verb being at 0.
std::vector<std::size_t> key_positions(const CommandSpec& command, std::size_t count) {
  std::vector<std::size_t> positions;
  const std::int64_t last =
      command.last_key < 0 ? static_cast<std::int64_t>(count) + command.last_key : command.last_key;
  for (std::int64_t i = command.first_key; i <= last; i += command.key_step) {
    positions.push_back(static_cast<std::size_t>(i));
  }
  return positions;
}

// Finds the command of the request behind COMMAND GETKEYS, such as SET key value. An error if that is no
// request with keys.
std::optional<protocol::ErrorReply> find_command_with_keys(const Context& context,
                                                           const CommandSpec*& command) {
  command = protocol::find_resp_command(context.arg(0));
  if (command == nullptr) return errors::invalid_command();
  if (is_container(*command)) {
    command = protocol::find_subcommand(*command, context.arg(1));
    if (command == nullptr) return errors::invalid_command();
  }
  if (command->first_key == 0) return errors::no_key_arguments();
  if (!command->takes(context.args.size())) return errors::invalid_arguments_of_command();
  return std::nullopt;
}

}  // namespace

template <>
void handle<kCommand>(Context& context) {
  const std::vector<const CommandSpec*> commands = resp_commands();
  context.reply.array(commands.size());
  for (const CommandSpec* command : commands) encode_info(context.reply, command);
}

template <>
void handle<kCommandInfo>(Context& context) {
  if (context.args.size() > kMaxNames) return context.fail(errors::too_many_names(kMaxNames));
  const std::vector<const CommandSpec*> commands = chosen_commands(context);
  context.reply.array(commands.size());
  for (const CommandSpec* command : commands) encode_info(context.reply, command);
}

template <>
void handle<kCommandDocs>(Context& context) {
  if (context.args.size() > kMaxNames) return context.fail(errors::too_many_names(kMaxNames));
  std::vector<const CommandSpec*> commands = chosen_commands(context);
  std::erase(commands, nullptr);
  context.reply.map(commands.size());
  for (const CommandSpec* command : commands) encode_docs(context.reply, *command);
}

template <>
void handle<kCommandCount>(Context& context) {
  context.reply.integer(static_cast<std::int64_t>(resp_commands().size()));
}

// COMMAND LIST [FILTERBY PATTERN pattern]: subcommands have names, too.
template <>
void handle<kCommandList>(Context& context) {
  std::vector<std::string_view> names;
  for (const CommandSpec* command : resp_commands()) {
    names.push_back(command->resp_name);
    for (const CommandSpec& one : protocol::subcommands_of(command->id)) names.push_back(one.resp_name);
  }
  if (!context.args.empty()) {
    const bool is_filter = context.args.size() == 3 &&
                           protocol::equals_ignoring_case(context.arg(0), "filterby") &&
                           protocol::equals_ignoring_case(context.arg(1), "pattern");
    if (!is_filter) return context.fail(errors::usage(context.command));
    if (auto error = refuse_long_patterns(context.args.subspan(2))) return context.fail(*error);
    const Glob glob(context.arg(2), GlobCase::kIgnored);
    std::erase_if(names, [&](std::string_view name) { return !glob.matches(name); });
  }
  context.reply.array(names.size());
  for (const std::string_view name : names) context.reply.bulk(name);
}

template <>
void handle<kCommandGetKeys>(Context& context) {
  const CommandSpec* command = nullptr;
  if (auto error = find_command_with_keys(context, command)) return context.fail(*error);
  const std::vector<std::size_t> positions = key_positions(*command, context.args.size());
  context.reply.array(positions.size());
  for (const std::size_t position : positions) context.reply.bulk(context.arg(position));
}

template <>
void handle<kCommandGetKeysAndFlags>(Context& context) {
  const CommandSpec* command = nullptr;
  if (auto error = find_command_with_keys(context, command)) return context.fail(*error);
  const std::vector<std::size_t> positions = key_positions(*command, context.args.size());
  context.reply.array(positions.size());
  for (const std::size_t position : positions) {
    context.reply.array(2);
    context.reply.bulk(context.arg(position));
    encode_words(context.reply, key_flags(*command));
  }
}

template <>
void handle<kCommandHelp>(Context& context) {
  tell_subcommands(context);
}

}  // namespace minikv::server
