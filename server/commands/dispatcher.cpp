// Obeys the flags of a command, in a fixed order, and queues the commands of a transaction.
#include "server/commands/dispatcher.h"

#include <cassert>
#include <cstddef>
#include <new>

#include "server/commands/handlers.h"
#include "server/request/context.h"
#include "server/request/multi.h"

namespace minikv::server {

namespace {

using Handler = void (*)(Context&);

// In the order of the ids, as both are made from the same table. A container has no handler: the parser lets
// only its subcommands through.
constexpr Handler kHandlers[] = {
#define MINIKV_COMMAND(id, ...) &handle<protocol::CommandId::id>,
#define MINIKV_SUBCOMMAND MINIKV_COMMAND
#define MINIKV_CONTAINER(id, ...) nullptr,
#include "protocol/commands.def"
#include "protocol/subcommands.def"
#undef MINIKV_COMMAND
#undef MINIKV_SUBCOMMAND
#undef MINIKV_CONTAINER
};

void queue_for_exec(const protocol::RequestView& request, Connection& connection, ServerState& server,
                    protocol::ReplyEncoder& reply) {
  namespace errors = protocol::errors;
  Multi& multi = *connection.client().multi;
  const auto refuse = [&](const protocol::ErrorReply& error) {
    multi.spoil();
    reply.error(error);
  };
  if (request.dialect != multi.dialect()) return refuse(errors::other_dialect_in_multi());
  if (request.command->has(protocol::kFlagNoMulti)) return refuse(errors::not_in_multi());
  const std::uint64_t most = server.store.options().max_batch_bytes;
  const std::size_t bytes = Multi::bytes_of(request);
  if (multi.bytes() + bytes > most) return refuse(errors::transaction_too_long(most));
  // A transaction that EXEC will refuse keeps no further requests.
  if (!multi.is_spoiled()) {
    if (!connection.reserve(bytes)) {
      server.client_memory.count_refusal();
      return refuse(errors::transaction_without_memory());
    }
    try {
      multi.add(request, bytes, connection.take_blocks());
    } catch (const std::bad_alloc&) {
      multi.spoil();
      throw;
    }
    connection.client().transaction_has_grown();
  }
  reply.queued();
}

}  // namespace

protocol::ReplyFormat reply_format(protocol::Dialect dialect, const ClientState& client) {
  if (dialect == protocol::Dialect::kText) return protocol::ReplyFormat::kText;
  return client.resp3 ? protocol::ReplyFormat::kResp3 : protocol::ReplyFormat::kResp2;
}

void dispatch(const protocol::RequestView& request, protocol::ReplyBuffer& out, Connection& connection,
              ServerState& server) {
  protocol::ReplyEncoder reply(reply_format(request.dialect, connection.client()), out);
  const protocol::CommandSpec& command = *request.command;
  const ClientState& client = connection.client();
  if (!client.authenticated && !command.has(protocol::kFlagNoAuth)) {
    const bool is_exec = command.id == protocol::CommandId::kExec;
    return reply.error(is_exec ? protocol::errors::exec_without_auth() : protocol::errors::no_auth());
  }
  if (client.multi && !command.has(protocol::kFlagAtOnce)) {
    return queue_for_exec(request, connection, server, reply);
  }
  if (client.multi && command.has(protocol::kFlagOutsideMulti)) {
    return reply.error(protocol::errors::inside_multi(command));
  }
  if (!client.multi && command.has(protocol::kFlagInsideMulti)) {
    return reply.error(protocol::errors::without_multi(command));
  }
  if (command.has(protocol::kFlagWhenQuiet) && !connection.is_quiet()) return connection.defer();
  const bool by_writer = command.has(protocol::kFlagBehindWrites) && connection.has_writes_in_flight();
  assert(!by_writer || !command.has(protocol::kFlagWhenQuiet) || connection.in_transaction());
  Context context{command, request.subcommand, request.args, reply, connection, server, by_writer};
  const Handler handler = kHandlers[static_cast<std::size_t>(command.id)];
  assert(handler != nullptr);
  handler(context);
}

}  // namespace minikv::server
