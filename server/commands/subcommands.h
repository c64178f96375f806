// What CLIENT HELP, COMMAND HELP, CONFIG HELP and SLOWLOG HELP answer.
#pragma once

#include "server/context.h"

namespace minikv::server {

void tell_subcommands(const Context& context);

}  // namespace minikv::server
