// The engine's errors, as replies to clients.
#pragma once

#include "minikv/status.h"
#include "protocol/errors.h"

namespace minikv::server {

// In RESP, a store that takes no writes is MISCONF, as Redis calls a server that can't write to its disk. In
// text, a full disk is DISKFULL (it passes), and a failed sync is IOERR (it takes a restart).
protocol::ErrorReply error_from(const Status& status);
// An allocation for the request has failed.
protocol::ErrorReply no_memory_for_request();

}  // namespace minikv::server
