// PING, ECHO, QUIT, HELLO, RESET, SELECT: commands about the connection itself.
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/number.h"
#include "server/commands/arguments.h"
#include "server/commands/client_names.h"
#include "server/commands/compatibility.h"
#include "server/commands/dispatcher.h"
#include "server/commands/handlers.h"
#include "server/commands/password.h"
#include "server/request/multi.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

// The arguments of HELLO; the connection is changed only when all of them are right.
struct HelloRequest {
  bool resp3 = false;
  std::optional<std::string_view> name;
  bool authenticates = false;
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
      if (auto error = refusal_of_client_name(*hello.name)) return error;
    } else if (reader.take_word("auth")) {
      if (reader.done()) return errors::bad_hello_option(word);
      const std::string_view user = reader.take().bytes;
      if (reader.done()) return errors::bad_hello_option(word);
      if (!is_password(context.server, user, reader.take().bytes)) return errors::wrong_pass();
      hello.authenticates = true;
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

// Whether there is memory for a reply of `bytes`; if not, the request is answered with an error.
bool reserve_reply(Context& context, std::uint64_t bytes) {
  if (bytes <= ClientMemory::kSmallBytes || context.connection.reserve(bytes)) return true;
  context.server.client_memory.count_refusal();
  context.fail(errors::out_of_memory("no memory for the reply (max_client_memory)"));
  return false;
}

}  // namespace

template <>
void handle<kPing>(Context& context) {
  if (context.args.empty()) return context.reply.pong();
  if (context.args.size() > 1) return context.fail(errors::wrong_arity(context.command));
  if (!reserve_reply(context, context.arg(0).size())) return;
  context.reply.bulk(context.arg(0));
}

template <>
void handle<kEcho>(Context& context) {
  if (!reserve_reply(context, context.arg(0).size())) return;
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
    if (hello.authenticates) context.connection.set_authenticated(true);
    if (!client.authenticated) return context.fail(errors::hello_without_auth());
    client.resp3 = hello.resp3;
    if (hello.name) client.name = *hello.name;
    publish_client(context);
  } else if (!client.authenticated) {
    return context.fail(errors::hello_without_auth());
  }
  // Answered in the version that was just chosen.
  encode_hello(context.reply.in(reply_format(protocol::Dialect::kResp, client)), client);
}

// The state is as after connecting, except for the names of the client's library, as in Redis.
template <>
void handle<kReset>(Context& context) {
  ClientState& client = context.connection.client();
  client.end_transaction();
  client.forget_watch();
  client.figures->spares_eviction.set(false);
  client.resp3 = false;
  client.name.clear();
  // After CLIENT REPLY SKIP, only this request is not answered, so the state need not change.
  if (client.replies == ClientState::Replies::kNone) client.replies = ClientState::Replies::kAll;
  publish_client(context);
  context.connection.set_authenticated(false);
  context.reply.simple("RESET");
}

template <>
void handle<kSelect>(Context& context) {
  const auto index = protocol::parse_redis_integer(context.arg(0));
  if (!index) return context.fail(errors::not_an_integer());
  if (*index != 0) return context.fail(errors::db_index_out_of_range());
  context.reply.ok();
}

}  // namespace minikv::server
