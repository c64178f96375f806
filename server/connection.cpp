#include "server/connection.h"

#include "server/multi.h"

namespace minikv::server {

ClientState::ClientState() = default;
ClientState::~ClientState() = default;

}  // namespace minikv::server
