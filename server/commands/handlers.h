// One handler for each command of the table. A row in protocol/commands.def without a handler does not link.
#pragma once

#include "protocol/command_table.h"
#include "server/context.h"

namespace minikv::server {

// Carries one request out: encodes its reply, or submits it, defers it or runs it aside (see Connection).
template <protocol::CommandId id>
void handle(Context& context);

using enum protocol::CommandId;

#define MINIKV_COMMAND(id, ...) \
  template <>                   \
  void handle<protocol::CommandId::id>(Context & context);
#include "protocol/commands.def"
#undef MINIKV_COMMAND

}  // namespace minikv::server
