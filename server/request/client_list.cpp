// The list of clients, under its lock.
#include "server/request/client_list.h"

#include <cassert>
#include <utility>

namespace minikv::server {

void ClientList::add(Client client, std::function<void()> close) {
  assert(client.figures && close);
  client.since = Clock::now();
  const std::uint64_t id = client.id;
  const engine::MutexLock lock(mutex_);
  assert(!clients_.contains(id));
  clients_.insert_or_assign(id, Entry{std::move(client), std::move(close)});
}

void ClientList::remove(std::uint64_t id) {
  const engine::MutexLock lock(mutex_);
  clients_.erase(id);
}

void ClientList::update(const Client& client) {
  const engine::MutexLock lock(mutex_);
  const auto found = clients_.find(client.id);
  if (found == clients_.end()) return;
  Client& known = found->second.client;
  known.name = client.name;
  known.library_name = client.library_name;
  known.library_version = client.library_version;
  known.resp3 = client.resp3;
}

std::size_t ClientList::size() const {
  const engine::MutexLock lock(mutex_);
  return clients_.size();
}

std::vector<ClientList::Client> ClientList::all() const {
  std::vector<Client> all;
  const engine::MutexLock lock(mutex_);
  all.reserve(clients_.size());
  for (const auto& [id, entry] : clients_) all.push_back(entry.client);
  return all;
}

bool ClientList::close(std::uint64_t id) {
  const engine::MutexLock lock(mutex_);
  const auto found = clients_.find(id);
  if (found == clients_.end()) return false;
  found->second.close();
  return true;
}

}  // namespace minikv::server
