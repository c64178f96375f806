// PING, ECHO, QUIT, HELLO, CLIENT, SELECT: commands about the connection itself.
#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "protocol/number.h"
#include "server/commands/arguments.h"
#include "server/commands/compatibility.h"
#include "server/commands/handlers.h"
#include "server/commands/password.h"
#include "server/commands/subcommands.h"
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
      if (!is_plain_name(*hello.name)) return errors::bad_client_name();
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

std::string describe(const ClientList::Client& client) {
  using std::chrono::duration_cast, std::chrono::seconds;
  const auto now = ClientList::Clock::now();
  return fmt::format(
      "id={} addr={} name={} age={} idle={} flags=N db=0 user=default resp={} lib-name={} lib-ver={}\n",
      client.id, client.address, client.name, duration_cast<seconds>(now - client.since).count(),
      duration_cast<seconds>(now - client.last_seen).count(), client.resp3 ? 3 : 2, client.library_name,
      client.library_version);
}

// Of what was just changed, others are told as well.
void publish(const Context& context) {
  const ClientState& client = context.connection.client();
  ClientList::Client known;
  known.id = client.id;
  known.name = client.name;
  known.library_name = client.library_name;
  known.library_version = client.library_version;
  known.resp3 = client.resp3;
  context.server.clients.update(known);
}

void tell_about(const Context& context, const std::function<bool(std::uint64_t id)>& is_wanted) {
  std::string lines;
  for (const ClientList::Client& client : context.server.clients.all()) {
    if (is_wanted(client.id)) lines += describe(client);
  }
  context.reply.verbatim(lines);
}

// CLIENT LIST [TYPE type] [ID id ...]. All clients are of type "normal".
void list_clients(const Context& context) {
  const auto rest = context.args.subspan(1);
  if (rest.empty()) return tell_about(context, [](std::uint64_t) { return true; });
  if (rest.size() == 2 && protocol::equals_ignoring_case(rest[0].bytes, "type")) {
    for (const std::string_view type : {"normal", "master", "replica", "slave", "pubsub"}) {
      if (protocol::equals_ignoring_case(rest[1].bytes, type)) {
        return tell_about(context, [type](std::uint64_t) { return type == "normal"; });
      }
    }
    return context.fail(errors::unknown_client_type(rest[1].bytes));
  }
  if (rest.size() < 2 || !protocol::equals_ignoring_case(rest[0].bytes, "id")) {
    return context.fail(errors::usage(context.command));
  }
  std::vector<std::uint64_t> ids;
  for (const protocol::Arg& arg : rest.subspan(1)) {
    const auto id = protocol::parse_redis_integer(arg.bytes);
    if (!id) return context.fail(errors::invalid_client_id());
    ids.push_back(static_cast<std::uint64_t>(*id));
  }
  tell_about(context, [&](std::uint64_t id) { return std::ranges::find(ids, id) != ids.end(); });
}

// CLIENT REPLY ON | OFF | SKIP: only ON is answered.
void set_reply_mode(const Context& context) {
  ClientState& client = context.connection.client();
  if (protocol::equals_ignoring_case(context.arg(1), "on")) {
    client.replies = ClientState::Replies::kAll;
    return context.reply.ok();
  }
  if (protocol::equals_ignoring_case(context.arg(1), "off")) {
    client.replies = ClientState::Replies::kNone;
  } else if (protocol::equals_ignoring_case(context.arg(1), "skip")) {
    if (client.replies == ClientState::Replies::kAll) client.replies = ClientState::Replies::kNotTheNext;
  } else {
    context.fail(errors::usage(context.command));
  }
}

// Closes one connection: another one at once, this one when it has its answer.
bool close_client(const Context& context, std::uint64_t id) {
  if (id != context.connection.client().id) return context.server.clients.close(id);
  context.connection.close_when_answered();
  return true;
}

// CLIENT KILL address, or CLIENT KILL with ID, ADDR and SKIPME in pairs.
void kill(const Context& context) {
  const std::vector<ClientList::Client> clients = context.server.clients.all();
  if (context.args.size() == 2) {
    for (const ClientList::Client& client : clients) {
      if (client.address != context.arg(1)) continue;
      close_client(context, client.id);
      return context.reply.ok();
    }
    return context.fail(errors::no_such_client());
  }
  std::optional<std::uint64_t> id;
  std::optional<std::string_view> address;
  bool skip_me = true;
  for (ArgumentReader reader(context.args.subspan(1)); !reader.done();) {
    const bool is_id = reader.take_word("id"), is_address = !is_id && reader.take_word("addr");
    const bool is_skip = !is_id && !is_address && reader.take_word("skipme");
    if ((!is_id && !is_address && !is_skip) || reader.done())
      return context.fail(errors::usage(context.command));
    if (is_id) {
      const auto number = protocol::parse_redis_integer(reader.take().bytes);
      if (!number || *number < 1) return context.fail(errors::bad_client_id());
      id = static_cast<std::uint64_t>(*number);
    } else if (is_address) {
      address = reader.take().bytes;
    } else if (reader.take_word("yes")) {
      skip_me = true;
    } else if (reader.take_word("no")) {
      skip_me = false;
    } else {
      return context.fail(errors::usage(context.command));
    }
  }
  std::int64_t killed = 0;
  for (const ClientList::Client& client : clients) {
    if ((id && client.id != *id) || (address && client.address != *address)) continue;
    if (skip_me && client.id == context.connection.client().id) continue;
    if (close_client(context, client.id)) ++killed;
  }
  context.reply.integer(killed);
}

void set_name(const Context& context, std::string_view name) {
  context.connection.client().name = name;
  publish(context);
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
  publish(context);
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
    if (hello.authenticates) context.connection.set_authenticated();
    if (!client.authenticated) return context.fail(errors::hello_without_auth());
    client.resp3 = hello.resp3;
    publish(context);
    if (hello.name) set_name(context, *hello.name);
  } else if (!client.authenticated) {
    return context.fail(errors::hello_without_auth());
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
    return tell_about(context, [&](std::uint64_t id) { return id == client.id; });
  }
  if (is("list")) return list_clients(context);
  if (is("help")) return has_arguments(0) ? tell_subcommands(context) : wrong_arity();
  if (is("reply")) return has_arguments(1) ? set_reply_mode(context) : wrong_arity();
  if (is("kill")) return context.args.size() > 1 ? kill(context) : wrong_arity();
  if (is("no-evict")) {
    // Nothing is ever evicted.
    if (!has_arguments(1)) return wrong_arity();
    const bool is_word = protocol::equals_ignoring_case(context.arg(1), "on") ||
                         protocol::equals_ignoring_case(context.arg(1), "off");
    return is_word ? context.reply.ok() : context.fail(errors::usage(context.command));
  }
  if (is("getname")) {
    if (!has_arguments(0)) return wrong_arity();
    return client.name.empty() ? context.reply.nil() : context.reply.bulk(client.name);
  }
  if (is("setname")) {
    if (!has_arguments(1)) return wrong_arity();
    if (!is_plain_name(context.arg(1))) return context.fail(errors::bad_client_name());
    set_name(context, context.arg(1));
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
