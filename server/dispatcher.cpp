#include "server/dispatcher.h"

#include <cstddef>

#include "server/commands/handlers.h"
#include "server/context.h"
#include "server/multi.h"

namespace minikv::server {

namespace {

using Handler = void (*)(Context&);

// In the order of the ids, as both are made from the same table.
constexpr Handler kHandlers[] = {
#define MINIKV_COMMAND(id, ...) &handle<protocol::CommandId::id>,
#include "protocol/commands.def"
#undef MINIKV_COMMAND
};

void queue_for_exec(const protocol::Request& request, Multi& multi, const ServerState& server,
                    protocol::ReplyEncoder& reply) {
  namespace errors = protocol::errors;
  const auto refuse = [&](const protocol::ErrorReply& error) {
    multi.spoil();
    reply.error(error);
  };
  if (request.dialect != multi.dialect()) return refuse(errors::other_dialect_in_multi());
  if ((request.command->flags & protocol::kFlagNoMulti) != 0) return refuse(errors::not_in_multi());
  const std::uint64_t most = server.store.options().max_batch_bytes;
  if (multi.bytes() + Multi::bytes_of(request) > most) return refuse(errors::transaction_too_long(most));
  // Of one that can't be executed any more nothing is kept.
  if (!multi.is_spoiled()) multi.add(request);
  reply.queued();
}

}  // namespace

protocol::ReplyFormat reply_format(protocol::Dialect dialect, const ClientState& client) {
  if (dialect == protocol::Dialect::kText) return protocol::ReplyFormat::kText;
  return client.resp3 ? protocol::ReplyFormat::kResp3 : protocol::ReplyFormat::kResp2;
}

void dispatch(const protocol::Request& request, std::string& out, Connection& connection,
              ServerState& server) {
  protocol::ReplyEncoder reply(reply_format(request.dialect, connection.client()), out);
  ClientState& client = connection.client();
  if (!client.authenticated && (request.command->flags & protocol::kFlagNoAuth) == 0) {
    return reply.error(protocol::errors::no_auth());
  }
  if (client.multi && (request.command->flags & protocol::kFlagAtOnce) == 0) {
    return queue_for_exec(request, *client.multi, server, reply);
  }
  Context context{*request.command, request.args, reply, out, connection, server};
  kHandlers[static_cast<std::size_t>(request.command->id)](context);
}

}  // namespace minikv::server
