// What a connection keeps of its client.
#include "server/request/connection.h"

#include <cassert>

#include "server/request/multi.h"

namespace minikv::server {

ClientState::ClientState() = default;
ClientState::~ClientState() = default;

void ClientState::open_transaction(protocol::Dialect dialect) {
  assert(!multi);
  multi = std::make_unique<Multi>(dialect);
  transaction_has_grown();
}

void ClientState::transaction_has_grown() const {
  assert(multi);
  figures->queued_requests.set(static_cast<std::int64_t>(multi->size()));
  figures->queued_bytes.set(multi->memory());
}

void ClientState::forget_watch() {
  watch.reset();
  watch_was_refused = false;
}

std::unique_ptr<Multi> ClientState::end_transaction() {
  figures->queued_requests.set(-1);
  figures->queued_bytes.set(0);
  return std::move(multi);
}

}  // namespace minikv::server
