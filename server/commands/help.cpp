// HELP and COMMAND: the table of commands, for people and for clients.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "server/commands/handlers.h"

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
  if (command == nullptr) return reply.nil_array();
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

}  // namespace

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
  } else if (is("list") && context.args.size() == 1) {
    const std::vector<const CommandSpec*> commands = resp_commands();
    reply.array(commands.size());
    for (const CommandSpec* command : commands) reply.bulk(command->resp_name);
  } else if (is("count") || is("list")) {
    context.fail(errors::wrong_arity(context.command, context.arg(0)));
  } else {
    context.fail(errors::unknown_subcommand(context.command, context.arg(0)));
  }
}

}  // namespace minikv::server
