// Whole RESP replies, and what CLIENT LIST says.
#pragma once

#include <string>
#include <string_view>

#include "tests/server/harness.h"

namespace minikv::server {

// The bytes of the next reply, with all that is in it. Fails the test where none begins.
std::string read_reply(TestClient& client);

// What is in the bulk string that comes next.
std::string read_bulk_string(TestClient& client);

// The line of CLIENT INFO.
std::string client_info(TestClient& client);
// What `client` is shown of the one with that name; empty if there is none.
std::string client_line(TestClient& client, std::string_view name);
// A field of such a line; "?" if there is none.
std::string client_field(const std::string& line, std::string_view name);

}  // namespace minikv::server
