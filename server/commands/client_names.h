// The names that clients give themselves.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "protocol/errors.h"
#include "server/request/context.h"

namespace minikv::server {

// The maximum of each of a connection's three names, because all of them are in every line of CLIENT LIST.
inline constexpr std::size_t kMaxNameBytes = 1024;

// Whether Redis allows this as the name of a client or a library.
inline bool is_plain_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '!' && c <= '~'; });
}

// The error if a client may not have this name.
inline std::optional<protocol::ErrorReply> refusal_of_client_name(std::string_view name) {
  if (!is_plain_name(name)) return protocol::errors::bad_client_name();
  if (name.size() > kMaxNameBytes) return protocol::errors::name_too_long("client names", kMaxNameBytes);
  return std::nullopt;
}

// Lets CLIENT LIST show what has just changed of the connection's names and protocol.
inline void publish_client(const Context& context) {
  const ClientState& client = context.connection.client();
  ClientList::Client known;
  known.id = client.id;
  known.name = client.name;
  known.library_name = client.library_name;
  known.library_version = client.library_version;
  known.resp3 = client.resp3;
  context.server.clients.update(known);
}

}  // namespace minikv::server
