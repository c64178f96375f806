// Checks what a client authenticates with.
#pragma once

#include <string_view>

#include "server/request/state.h"

namespace minikv::server {

// Whether the user may authenticate with this password. There is one user, "default"; any password will do if
// the server has none.
bool is_password(const ServerState& server, std::string_view user, std::string_view password);

}  // namespace minikv::server
