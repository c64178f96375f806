// CLIENT: this connection and the others.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "protocol/number.h"
#include "server/commands/arguments.h"
#include "server/commands/client_names.h"
#include "server/commands/handlers.h"
#include "server/commands/subcommands.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

bool is_word(const protocol::Arg& arg, std::string_view word) {
  return protocol::equals_ignoring_case(arg.bytes, word);
}

// As Redis marks its clients: x has a transaction open, c is being closed, e would be spared from eviction;
// N: none of these.
std::string flags_of(const ClientFigures& figures) {
  std::string flags;
  if (figures.queued_requests.get() >= 0) flags += 'x';
  if (figures.is_closing.get()) flags += 'c';
  if (figures.spares_eviction.get()) flags += 'e';
  return flags.empty() ? "N" : flags;
}

std::string events_of(const ClientFigures& figures) {
  std::string events;
  if (figures.is_read_from.get()) events += 'r';
  if (figures.is_send_blocked.get()) events += 'w';
  return events;
}

std::int64_t seconds_since(ClientList::Clock::time_point then, ClientList::Clock::time_point now) {
  return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(now - then).count());
}

// The maximum of lines that are made on an event loop.
constexpr std::size_t kMaxClientsAtOnce = 256;
// The bytes of a line with short names.
constexpr std::uint64_t kLineBytes = 512;

using IsWanted = std::function<bool(std::uint64_t id)>;

// Redis' fields in Redis' order. A field that has no meaning here has its value in a Redis that does not use
// it: there is one database, there are no subscriptions, and replies have no buffer of a fixed size. `oll`
// counts the requests that are under way.
std::string describe(const ClientList::Client& client, ClientList::Clock::time_point now) {
  const ClientFigures& figures = *client.figures;
  const ClientList::Clock::time_point received{ClientList::Clock::duration(figures.last_received.get())};
  const protocol::CommandSpec* const command = figures.last_command.get();
  const std::uint64_t input = figures.input_bytes.get(), input_free = figures.input_free_bytes.get();
  const std::uint64_t queued = figures.queued_bytes.get(), waiting = figures.reply_bytes.get();
  const std::uint64_t in_flight = figures.in_flight_bytes.get();
  std::string line = fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db=0 sub=0 psub=0 ssub=0 multi={}",
      client.id, client.address, client.local_address, client.descriptor, client.name,
      seconds_since(client.since, now), seconds_since(received, now), flags_of(figures),
      figures.queued_requests.get());
  fmt::format_to(
      std::back_inserter(line),
      " qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs=0 rbp=0 obl={} oll={} omem={} tot-mem={}", input,
      input_free, in_flight, queued, waiting, figures.in_flight_requests.get(), waiting,
      input + input_free + in_flight + queued + waiting);
  fmt::format_to(std::back_inserter(line),
                 " events={} cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={}\n",
                 events_of(figures), command == nullptr ? "NULL" : name_of(*command), client.resp3 ? 3 : 2,
                 client.library_name, client.library_version);
  return line;
}

std::string describe_all(const std::vector<ClientList::Client>& clients, const IsWanted& is_wanted) {
  const auto now = ClientList::Clock::now();
  std::string lines;
  for (const ClientList::Client& client : clients) {
    if (is_wanted(client.id)) lines += describe(client, now);
  }
  return lines;
}

void tell_about(const Context& context, IsWanted is_wanted) {
  ServerState& server = context.server;
  if (server.clients.size() <= kMaxClientsAtOnce || context.connection.in_transaction())
    return context.reply.verbatim(describe_all(server.clients.all(), is_wanted));
  if (!context.connection.is_quiet()) return context.connection.defer();
  context.connection.run_on_worker(
      [&server, is_wanted = std::move(is_wanted)](protocol::ReplyEncoder& reply, Aside& aside) {
        const std::vector<ClientList::Client> clients = server.clients.all();
        if (!aside.may_hold(clients.size() * kLineBytes)) return reply.error(aside.error());
        const std::string lines = describe_all(clients, is_wanted);
        if (!aside.may_hold(2 * lines.size())) return reply.error(aside.error());
        reply.verbatim(lines);
      });
}

// Closes one connection: another one at once, this one when it has its answer.
bool close_client(const Context& context, std::uint64_t id) {
  if (id != context.connection.client().id) return context.server.clients.close(id);
  context.connection.close_when_answered();
  return true;
}

// CLIENT KILL address
void kill_address(const Context& context) {
  for (const ClientList::Client& client : context.server.clients.all()) {
    if (client.address != context.arg(0)) continue;
    close_client(context, client.id);
    return context.reply.ok();
  }
  context.fail(errors::no_such_client());
}

// CLIENT KILL with ID, ADDR and SKIPME in pairs.
struct KillFilter {
  std::optional<std::uint64_t> id;
  std::optional<std::string_view> address;
  bool skip_me = true;
};

std::optional<protocol::ErrorReply> read_kill_filter(const Context& context, KillFilter& filter) {
  for (ArgumentReader reader(context.args); !reader.done();) {
    const bool is_id = reader.take_word("id"), is_address = !is_id && reader.take_word("addr");
    const bool is_skip = !is_id && !is_address && reader.take_word("skipme");
    if ((!is_id && !is_address && !is_skip) || reader.done()) return errors::usage(context.command);
    if (is_id) {
      const auto number = protocol::parse_redis_integer(reader.take().bytes);
      if (!number || *number < 1) return errors::bad_client_id();
      filter.id = static_cast<std::uint64_t>(*number);
    } else if (is_address) {
      filter.address = reader.take().bytes;
    } else if (reader.take_word("yes")) {
      filter.skip_me = true;
    } else if (reader.take_word("no")) {
      filter.skip_me = false;
    } else {
      return errors::usage(context.command);
    }
  }
  return std::nullopt;
}

}  // namespace

template <>
void handle<kClientId>(Context& context) {
  context.reply.integer(static_cast<std::int64_t>(context.connection.client().id));
}

template <>
void handle<kClientInfo>(Context& context) {
  tell_about(context, [own = context.connection.client().id](std::uint64_t id) { return id == own; });
}

// All clients are of type "normal".
template <>
void handle<kClientList>(Context& context) {
  const auto args = context.args;
  if (args.empty()) return tell_about(context, [](std::uint64_t) { return true; });
  if (args.size() == 2 && is_word(args[0], "type")) {
    for (const std::string_view type : {"normal", "master", "replica", "slave", "pubsub"}) {
      if (!is_word(args[1], type)) continue;
      return tell_about(context, [is_normal = type == "normal"](std::uint64_t) { return is_normal; });
    }
    return context.fail(errors::unknown_client_type(args[1].bytes));
  }
  if (args.size() < 2 || !is_word(args[0], "id")) return context.fail(errors::usage(context.command));
  if (args.size() - 1 > context.server.options.max_clients) {
    return context.fail(errors::too_many_names(context.server.options.max_clients));
  }
  std::vector<std::uint64_t> ids;
  for (const protocol::Arg& arg : args.subspan(1)) {
    const auto id = protocol::parse_redis_integer(arg.bytes);
    if (!id) return context.fail(errors::invalid_client_id());
    ids.push_back(static_cast<std::uint64_t>(*id));
  }
  std::ranges::sort(ids);
  tell_about(context,
             [ids = std::move(ids)](std::uint64_t id) { return std::ranges::binary_search(ids, id); });
}

template <>
void handle<kClientGetName>(Context& context) {
  const std::string& name = context.connection.client().name;
  name.empty() ? context.reply.nil() : context.reply.bulk(name);
}

template <>
void handle<kClientSetName>(Context& context) {
  if (const auto error = refusal_of_client_name(context.arg(0))) return context.fail(*error);
  context.connection.client().name = context.arg(0);
  publish_client(context);
  context.reply.ok();
}

template <>
void handle<kClientSetInfo>(Context& context) {
  ClientState& client = context.connection.client();
  const bool is_name = is_word(context.args[0], "lib-name");
  if (!is_name && !is_word(context.args[0], "lib-ver")) {
    return context.fail({protocol::ErrorCode::kUsage, "",
                         fmt::format("ERR Unrecognized option '{}'", context.arg(0).substr(0, 64))});
  }
  if (!is_plain_name(context.arg(1))) {
    return context.fail({protocol::ErrorCode::kUsage, "",
                         fmt::format("ERR {} cannot contain spaces, newlines or special characters.",
                                     is_name ? "lib-name" : "lib-ver")});
  }
  if (context.arg(1).size() > kMaxNameBytes)
    return context.fail(
        errors::name_too_long(is_name ? "names of libraries" : "versions of libraries", kMaxNameBytes));
  (is_name ? client.library_name : client.library_version) = context.arg(1);
  publish_client(context);
  context.reply.ok();
}

template <>
void handle<kClientKill>(Context& context) {
  if (context.args.size() == 1) return kill_address(context);
  KillFilter filter;
  if (auto error = read_kill_filter(context, filter)) return context.fail(*error);
  std::int64_t killed = 0;
  for (const ClientList::Client& client : context.server.clients.all()) {
    if ((filter.id && client.id != *filter.id) || (filter.address && client.address != *filter.address))
      continue;
    if (filter.skip_me && client.id == context.connection.client().id) continue;
    if (close_client(context, client.id)) ++killed;
  }
  context.reply.integer(killed);
}

// Only ON is answered.
template <>
void handle<kClientReply>(Context& context) {
  ClientState& client = context.connection.client();
  if (is_word(context.args[0], "on")) {
    client.replies = ClientState::Replies::kAll;
    return context.reply.ok();
  }
  if (is_word(context.args[0], "off")) {
    client.replies = ClientState::Replies::kNone;
  } else if (is_word(context.args[0], "skip")) {
    if (client.replies != ClientState::Replies::kNone) client.replies = ClientState::Replies::kNotTheNext;
  } else {
    context.fail(errors::usage(context.command));
  }
}

// The server closes no client to save memory; CLIENT LIST shows the flag all the same.
template <>
void handle<kClientNoEvict>(Context& context) {
  const bool is_on = is_word(context.args[0], "on");
  if (!is_on && !is_word(context.args[0], "off")) return context.fail(errors::usage(context.command));
  context.connection.client().figures->spares_eviction.set(is_on);
  context.reply.ok();
}

template <>
void handle<kClientHelp>(Context& context) {
  tell_subcommands(context);
}

}  // namespace minikv::server
