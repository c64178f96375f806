// PING, ECHO, QUIT, HELLO, CLIENT, SELECT: commands about the connection itself.
#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "protocol/number.h"
#include "server/commands/arguments.h"
#include "server/commands/compatibility.h"
#include "server/commands/handlers.h"
#include "server/dispatcher.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

// What Redis allows in the names of clients and libraries.
bool is_plain_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '!' && c <= '~'; });
}

// What HELLO asks for; the connection is changed only when all of it is right.
struct HelloRequest {
  bool resp3 = false;
  std::optional<std::string_view> name;
};

std::optional<protocol::ErrorReply> read_hello(const Context& context, HelloRequest& hello) {
  ArgumentReader reader(context.args);
  const auto version = protocol::parse_redis_integer(reader.take().bytes);
  if (!version) return errors::protocol_not_an_integer();
  if (*version < 2 || *version > 3) return errors::no_such_protocol();
  hello.resp3 = *version == 3;
  while (!reader.done()) {
    if (const std::string_view word = reader.peek(); reader.take_word("setname")) {
      if (reader.done()) return errors::bad_hello_option(word);
      hello.name = reader.take().bytes;
      if (!is_plain_name(*hello.name)) return errors::bad_client_name();
    } else if (reader.take_word("auth")) {
      if (reader.done()) return errors::bad_hello_option(word);
      const std::string_view user = reader.take().bytes;
      if (reader.done()) return errors::bad_hello_option(word);
      reader.take();
      // As with a Redis that has no passwords: the default user may come with any, and there is no other.
      if (user != "default") return errors::wrong_pass();
    } else {
      return errors::bad_hello_option(word);
    }
  }
  return std::nullopt;
}

void encode_hello(protocol::ReplyEncoder reply, const ClientState& client) {
  reply.map(7);
  reply.bulk("server");
  reply.bulk(kRedisName);
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(client.resp3 ? 3 : 2);
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(client.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

std::string describe(const ClientState& client) {
  return fmt::format("id={} addr={} name={} lib-name={} lib-ver={} resp={}\n", client.id, client.address,
                     client.name, client.library_name, client.library_version, client.resp3 ? 3 : 2);
}

// CLIENT SETINFO LIB-NAME name, CLIENT SETINFO LIB-VER version.
void set_info(const Context& context) {
  ClientState& client = context.connection.client();
  const bool is_name = protocol::equals_ignoring_case(context.arg(1), "lib-name");
  if (!is_name && !protocol::equals_ignoring_case(context.arg(1), "lib-ver")) {
    return context.fail({protocol::ErrorCode::kUsage, "",
                         fmt::format("ERR Unrecognized option '{}'", context.arg(1).substr(0, 64))});
  }
  if (!is_plain_name(context.arg(2))) {
    return context.fail({protocol::ErrorCode::kUsage, "",
                         fmt::format("ERR {} cannot contain spaces, newlines or special characters.",
                                     is_name ? "lib-name" : "lib-ver")});
  }
  (is_name ? client.library_name : client.library_version) = context.arg(2);
  context.reply.ok();
}

}  // namespace

template <>
void handle<kPing>(Context& context) {
  if (context.args.empty()) return context.reply.pong();
  if (context.args.size() > 1) return context.fail(errors::wrong_arity(context.command));
  context.reply.bulk(context.arg(0));
}

template <>
void handle<kEcho>(Context& context) {
  context.reply.echo(context.arg(0));
}

template <>
void handle<kQuit>(Context& context) {
  context.reply.ok();
  context.connection.close_when_answered();
}

template <>
void handle<kHello>(Context& context) {
  ClientState& client = context.connection.client();
  if (!context.args.empty()) {
    HelloRequest hello;
    if (auto error = read_hello(context, hello)) return context.fail(*error);
    client.resp3 = hello.resp3;
    if (hello.name) client.name = *hello.name;
  }
  // Answered in the version that was just chosen.
  encode_hello({reply_format(protocol::Dialect::kResp, client), context.out}, client);
}

template <>
void handle<kClient>(Context& context) {
  ClientState& client = context.connection.client();
  const std::string_view subcommand = context.arg(0);
  const auto is = [&](std::string_view name) { return protocol::equals_ignoring_case(subcommand, name); };
  const auto has_arguments = [&](std::size_t count) { return context.args.size() == count + 1; };
  const auto wrong_arity = [&] { context.fail(errors::wrong_arity(context.command, subcommand)); };
  if (is("id")) {
    if (!has_arguments(0)) return wrong_arity();
    return context.reply.integer(static_cast<std::int64_t>(client.id));
  }
  if (is("info")) {
    if (!has_arguments(0)) return wrong_arity();
    return context.reply.verbatim(describe(client));
  }
  if (is("getname")) {
    if (!has_arguments(0)) return wrong_arity();
    return client.name.empty() ? context.reply.nil() : context.reply.bulk(client.name);
  }
  if (is("setname")) {
    if (!has_arguments(1)) return wrong_arity();
    if (!is_plain_name(context.arg(1))) return context.fail(errors::bad_client_name());
    client.name = context.arg(1);
    return context.reply.ok();
  }
  if (is("setinfo")) return has_arguments(2) ? set_info(context) : wrong_arity();
  context.fail(errors::unknown_subcommand(context.command, subcommand));
}

template <>
void handle<kSelect>(Context& context) {
  const auto index = protocol::parse_redis_integer(context.arg(0));
  if (!index) return context.fail(errors::not_an_integer());
  if (*index != 0) return context.fail(errors::db_index_out_of_range());
  context.reply.ok();
}

}  // namespace minikv::server
