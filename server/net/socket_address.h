// Addresses as they are shown to people and clients.
#pragma once

#include <string>

namespace minikv::server {

// The server's end of a connection: "127.0.0.1:7379", "[::1]:7379"; empty if the system does not tell.
// Thread safety: may be called by any number of threads at once.
std::string local_address_of(int socket);

}  // namespace minikv::server
