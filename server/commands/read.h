// The one way in which values are read for a command: at once if it may be, behind the writes before it if it
// must.
#pragma once

#include "server/commands/values_task.h"
#include "server/request/context.h"

namespace minikv::server {

// Answers with the values of all arguments, from one moment. While the connection has writes in flight the
// keys are looked up by the writer, behind those. Values that are not in memory are read by a reader.
void read_values(Context& context, ValueForm form);

}  // namespace minikv::server
