// The connected clients, for CLIENT LIST and CLIENT KILL.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "server/request/client_figures.h"

namespace minikv::server {

// Thread safety: all members may be called from any thread.
class ClientList {
 public:
  using Clock = std::chrono::steady_clock;

  struct Client {
    std::uint64_t id = 0;
    std::string address;
    std::string local_address;
    int descriptor = -1;
    std::string name;
    std::string library_name;
    std::string library_version;
    bool resp3 = false;
    Clock::time_point since;
    std::shared_ptr<const ClientFigures> figures;  // never null
  };

  // `close` must not wait; it is called from any thread as long as the client is in the list. add() sets
  // `client.since`.
  void add(Client client, std::function<void()> close) MINIKV_EXCLUDES(mutex_);
  void remove(std::uint64_t id) MINIKV_EXCLUDES(mutex_);
  // Updates the names, the library and the protocol of the client with this id, if it is in the list.
  void update(const Client& client) MINIKV_EXCLUDES(mutex_);

  std::size_t size() const MINIKV_EXCLUDES(mutex_);
  std::vector<Client> all() const MINIKV_EXCLUDES(mutex_);  // by id
  // Closes the connection; false if there is none.
  bool close(std::uint64_t id) MINIKV_EXCLUDES(mutex_);

 private:
  struct Entry {
    Client client;
    std::function<void()> close;
  };

  mutable engine::Mutex mutex_;
  std::map<std::uint64_t, Entry> clients_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::server
