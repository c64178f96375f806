// The one way in which commands read values: at once if they may, behind the writes before them if they must.
#pragma once

#include "server/commands/values_task.h"
#include "server/request/context.h"

namespace minikv::server {

// Answers with the values of all arguments, from one moment. While the connection has writes in flight, the
// writer looks the keys up, behind those. A reader reads the values that are not in memory.
void read_values(Context& context, ValueForm form);

}  // namespace minikv::server
