// From a parsed request to the handler of its command.
#pragma once

#include <string>

#include "protocol/reply_encoder.h"
#include "protocol/request.h"
#include "server/request/connection.h"
#include "server/request/state.h"

namespace minikv::server {

// The dialect, and for RESP the version, that a request of this client is answered in.
protocol::ReplyFormat reply_format(protocol::Dialect dialect, const ClientState& client);

// Carries out `request`; the parser has checked the number and the lengths of its arguments. `out` is where
// its reply belongs.
void dispatch(const protocol::RequestView& request, protocol::ReplyBuffer& out, Connection& connection,
              ServerState& server);

}  // namespace minikv::server
