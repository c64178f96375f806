// Finds the password that clients have to give.
#pragma once

#include <string>

#include "minikv/status.h"
#include "server/config/load.h"

namespace minikv::server {

// The value of MINIKV_PASSWORD, or the first line of password_file; empty: clients need none.
// kInvalidArgument and kIoError have one line for the operator.
Result<std::string> find_password(const Settled& settled);

}  // namespace minikv::server
