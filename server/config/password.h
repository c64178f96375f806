// The password that clients have to give: where minikvd has it from.
#pragma once

#include <string>

#include "minikv/status.h"
#include "server/config/load.h"

namespace minikv::server {

// Empty: they need none. Else the first line of password_file, or what MINIKV_PASSWORD said. kInvalidArgument
// and kIoError have one line for the operator.
Result<std::string> find_password(const Settled& settled);

}  // namespace minikv::server
