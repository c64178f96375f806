// One handler for each command and subcommand of the table. A row in protocol/commands.def or subcommands.def
// without a handler does not link.
#pragma once

#include "protocol/command_table.h"
#include "server/request/context.h"

namespace minikv::server {

// Carries one request out: encodes its reply, or submits it, defers it or runs it on a worker (see
// Connection).
template <protocol::CommandId id>
void handle(Context& context);

using enum protocol::CommandId;

#define MINIKV_COMMAND(id, ...) \
  template <>                   \
  void handle<protocol::CommandId::id>(Context & context);
#define MINIKV_SUBCOMMAND MINIKV_COMMAND
#define MINIKV_CONTAINER(id, ...)
#include "protocol/commands.def"
#include "protocol/subcommands.def"
#undef MINIKV_COMMAND
#undef MINIKV_SUBCOMMAND
#undef MINIKV_CONTAINER

}  // namespace minikv::server
