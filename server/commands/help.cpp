// HELP and COMMAND: the table of commands, for people and for clients.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "server/commands/glob.h"
#include "server/commands/handlers.h"
#include "server/commands/subcommands.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::CommandSpec;
using protocol::ReplyEncoder;

namespace {

std::string help_for_all() {
  const auto has_text_form = [](const CommandSpec& command) { return !command.usage.empty(); };
  std::size_t width = 0;
  for (const CommandSpec& command : protocol::all_commands()) {
    if (has_text_form(command)) width = std::max(width, command.usage.size());
  }
  std::string block;
  for (const CommandSpec& command : protocol::all_commands()) {
    if (has_text_form(command))
      fmt::format_to(std::back_inserter(block), "{:<{}}  {}\n", command.usage, width, command.summary);
  }
  return block;
}

std::vector<const CommandSpec*> resp_commands() {
  std::vector<const CommandSpec*> found;
  for (const CommandSpec& command : protocol::all_commands()) {
    if (!command.resp_name.empty()) found.push_back(&command);
  }
  return found;
}

// The commands named by the arguments behind the subcommand, null for one that is unknown; all, if there are none.
std::vector<const CommandSpec*> chosen_commands(const Context& context) {
  if (context.args.size() < 2) return resp_commands();
  std::vector<const CommandSpec*> chosen;
  for (const protocol::Arg& arg : context.args.subspan(1))
    chosen.push_back(protocol::find_resp_command(arg.bytes));
  return chosen;
}

void encode_flags(ReplyEncoder& reply, const CommandSpec& command) {
  struct Name {
    std::uint32_t flag;
    std::string_view name;
  };
  static constexpr Name kNames[] = {{protocol::kFlagWrite, "write"},
                                    {protocol::kFlagReadOnly, "readonly"},
                                    {protocol::kFlagFast, "fast"},
                                    {protocol::kFlagAdmin, "admin"},
                                    {protocol::kFlagNoAuth, "no_auth"}};
  const auto is_set = [&](const Name& one) { return (command.flags & one.flag) != 0; };
  reply.set(static_cast<std::size_t>(std::ranges::count_if(kNames, is_set)));
  for (const Name& one : kNames) {
    if (is_set(one)) reply.simple(one.name);
  }
}

// As Redis 7: name, arity, flags, first, last and step of the keys; categories, hints, key specifications and
// subcommands, which are empty here.
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
  reply.array(0);
  reply.array(0);
  reply.array(0);
}

void encode_docs(ReplyEncoder& reply, std::vector<const CommandSpec*> commands) {
  std::erase(commands, nullptr);
  reply.map(commands.size());
  for (const CommandSpec* command : commands) {
    reply.bulk(command->resp_name);
    reply.map(3);
    reply.bulk("summary");
    reply.bulk(command->summary);
    reply.bulk("since");
    reply.bulk("0.1.0");
    reply.bulk("group");
    reply.bulk(command->first_key > 0 ? "string" : "server");
  }
}

// COMMAND GETKEYS SET key value: which of the arguments are keys.
void tell_keys(const Context& context) {
  const auto given = context.args.subspan(1);
  const CommandSpec* command = protocol::find_resp_command(given.front().bytes);
  if (command == nullptr) return context.fail(errors::invalid_command());
  const auto count = static_cast<std::int64_t>(given.size());
  if (command->first_key == 0) return context.fail(errors::no_key_arguments());
  if (command->arity >= 0 ? count != command->arity : count < -command->arity) {
    return context.fail(errors::invalid_arguments_of_command());
  }
  const std::int64_t last = command->last_key < 0 ? count + command->last_key : command->last_key;
  std::vector<std::string_view> keys;
  for (std::int64_t i = command->first_key; i <= last; i += command->key_step) {
    keys.push_back(given[static_cast<std::size_t>(i)].bytes);
  }
  context.reply.array(keys.size());
  for (const std::string_view key : keys) context.reply.bulk(key);
}

// COMMAND LIST [FILTERBY PATTERN pattern]
void tell_names(const Context& context) {
  std::vector<const CommandSpec*> commands = resp_commands();
  if (context.args.size() > 1) {
    const bool is_filter = context.args.size() == 4 &&
                           protocol::equals_ignoring_case(context.arg(1), "filterby") &&
                           protocol::equals_ignoring_case(context.arg(2), "pattern");
    if (!is_filter) return context.fail(errors::usage(context.command));
    std::erase_if(commands, [&](const CommandSpec* command) {
      return !glob_matches(context.arg(3), command->resp_name, GlobCase::kIgnored);
    });
  }
  context.reply.array(commands.size());
  for (const CommandSpec* command : commands) context.reply.bulk(command->resp_name);
}

}  // namespace

void tell_subcommands(const Context& context) {
  std::vector<std::string> lines = {std::string(context.command.resp_usage),
                                    std::string(context.command.summary)};
  context.reply.array(lines.size());
  for (const std::string& line : lines) context.reply.simple(line);
}

template <>
void handle<kHelp>(Context& context) {
  if (context.args.empty()) return context.reply.text(help_for_all());
  const CommandSpec* command = protocol::find_text_command(context.arg(0));
  if (command == nullptr) {
    return context.fail(errors::unknown_command(protocol::Dialect::kText, context.arg(0), {}));
  }
  context.reply.text(fmt::format("{}\n{}\n", command->usage, command->summary));
}

template <>
void handle<kCommand>(Context& context) {
  const auto is = [&](std::string_view name) { return protocol::equals_ignoring_case(context.arg(0), name); };
  ReplyEncoder& reply = context.reply;
  if (context.args.empty() || is("info")) {
    const std::vector<const CommandSpec*> commands = chosen_commands(context);
    reply.array(commands.size());
    for (const CommandSpec* command : commands) encode_info(reply, command);
  } else if (is("docs")) {
    encode_docs(reply, chosen_commands(context));
  } else if (is("count") && context.args.size() == 1) {
    reply.integer(static_cast<std::int64_t>(resp_commands().size()));
  } else if (is("list")) {
    tell_names(context);
  } else if (is("help") && context.args.size() == 1) {
    tell_subcommands(context);
  } else if (is("getkeys") && context.args.size() > 2) {
    tell_keys(context);
  } else if (is("count") || is("getkeys") || is("help")) {
    context.fail(errors::wrong_arity(context.command, context.arg(0)));
  } else {
    context.fail(errors::unknown_subcommand(context.command, context.arg(0)));
  }
}

}  // namespace minikv::server
