// Who may come in.
#pragma once

#include <string_view>

#include "server/request/state.h"

namespace minikv::server {

// There is one user, "default", who may come with any password where the server has none.
bool is_password(const ServerState& server, std::string_view user, std::string_view password);

}  // namespace minikv::server
