// What clients call themselves.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "protocol/errors.h"
#include "server/request/context.h"

namespace minikv::server {

// Each of a connection's three names; all of them are in every line of CLIENT LIST.
inline constexpr std::size_t kMaxNameBytes = 1024;

// What Redis allows in the names of clients and libraries.
inline bool is_plain_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '!' && c <= '~'; });
}

// Whether a client may call itself so.
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
