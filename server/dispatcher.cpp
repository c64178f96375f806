#include "server/dispatcher.h"

#include <cassert>
#include <cstddef>
#include <new>

#include "server/commands/handlers.h"
#include "server/context.h"
#include "server/multi.h"

namespace minikv::server {

namespace {

using Handler = void (*)(Context&);

// In the order of the ids, as both are made from the same table. A container has none: the parser lets only its subcommands
// through.
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
  if ((request.command->flags & protocol::kFlagNoMulti) != 0) return refuse(errors::not_in_multi());
  const std::uint64_t most = server.store.options().max_batch_bytes;
  const std::size_t bytes = Multi::bytes_of(request);
  if (multi.bytes() + bytes > most) return refuse(errors::transaction_too_long(most));
  // Of one that can't be executed any more nothing is kept.
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
  ClientState& client = connection.client();
  if (!client.authenticated && (request.command->flags & protocol::kFlagNoAuth) == 0) {
    const bool is_exec = request.command->id == protocol::CommandId::kExec;
    return reply.error(is_exec ? protocol::errors::exec_without_auth() : protocol::errors::no_auth());
  }
  if (client.multi && (request.command->flags & protocol::kFlagAtOnce) == 0) {
    return queue_for_exec(request, connection, server, reply);
  }
  Context context{*request.command, request.subcommand, request.args, reply, connection, server};
  const Handler handler = kHandlers[static_cast<std::size_t>(request.command->id)];
  assert(handler != nullptr);
  handler(context);
}

}  // namespace minikv::server
