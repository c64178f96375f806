// The engine's errors, as clients are told them.
#pragma once

#include "minikv/status.h"
#include "protocol/errors.h"

namespace minikv::server {

// A store that takes no writes is MISCONF to RESP clients, as Redis calls a server whose disk is in trouble;
// in text, a full disk is DISKFULL (it passes) and a failed sync IOERR (it takes a restart).
protocol::ErrorReply error_from(const Status& status);
// An allocation for the request has failed.
protocol::ErrorReply no_memory_for_request();

}  // namespace minikv::server
