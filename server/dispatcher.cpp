#include "server/dispatcher.h"

#include <cstddef>

#include "server/commands/handlers.h"
#include "server/context.h"

namespace minikv::server {

namespace {

using Handler = void (*)(Context&);

// In the order of the ids, as both are made from the same table.
constexpr Handler kHandlers[] = {
#define MINIKV_COMMAND(id, ...) &handle<protocol::CommandId::id>,
#include "protocol/commands.def"
#undef MINIKV_COMMAND
};

}  // namespace

protocol::ReplyFormat reply_format(protocol::Dialect dialect, const ClientState& client) {
  if (dialect == protocol::Dialect::kText) return protocol::ReplyFormat::kText;
  return client.resp3 ? protocol::ReplyFormat::kResp3 : protocol::ReplyFormat::kResp2;
}

void dispatch(const protocol::Request& request, std::string& out, Connection& connection,
              ServerState& server) {
  protocol::ReplyEncoder reply(reply_format(request.dialect, connection.client()), out);
  Context context{*request.command, request.args, reply, out, connection, server};
  kHandlers[static_cast<std::size_t>(request.command->id)](context);
}

}  // namespace minikv::server
