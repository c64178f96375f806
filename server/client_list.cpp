#include "server/client_list.h"

#include <utility>

namespace minikv::server {

void ClientList::add(std::uint64_t id, std::string address, std::function<void()> close) {
  const Clock::time_point now = Clock::now();
  Entry entry;
  entry.client.id = id;
  entry.client.address = std::move(address);
  entry.client.since = entry.client.last_seen = now;
  entry.close = std::move(close);
  const engine::MutexLock lock(mutex_);
  clients_.insert_or_assign(id, std::move(entry));
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

void ClientList::saw(std::uint64_t id, Clock::time_point when) {
  const engine::MutexLock lock(mutex_);
  if (const auto found = clients_.find(id); found != clients_.end()) found->second.client.last_seen = when;
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
