// The network half of minikvd: event loops, sessions and the commands that they carry out on a store.
//
//   auto listener = Listener::bind(options);      // before the data directory is touched
//   auto store = minikv::Store::open(...);
//   Server server(options, std::move(*listener), **store, logger);
//   if (Status status = server.start(); !status) ...
//   ... wait for a signal ...
//   server.stop();
//   (*store)->close();                            // then the server is destroyed, then the store
#pragma once

#include <cstdint>
#include <memory>

#include <spdlog/logger.h>

#include "minikv/status.h"
#include "minikv/store.h"
#include "server/net/listener.h"
#include "server/request/options.h"

namespace minikv::server {

// Thread safety: start() and stop() by one thread; port() by any.
class Server {
 public:
  // The store and whatever the logger writes to must outlive the server. The server sets
  // Store::on_group_done().
  Server(ServerOptions options, Listener listener, Store& store, std::shared_ptr<spdlog::logger> logger);
  ~Server();  // stop(), and waits for the worker thread

  // To be called once. Listens and starts the event loops. kIoError if the system refuses; then nothing was
  // started.
  Status start();

  // Stops accepting and reading; then executes what was read and sends the replies, for no longer than
  // ServerOptions::stop_timeout. Closes all connections, and ends the event loops. Once it has returned, only
  // a compaction that a client asked for may still go on; Store::close() ends it, and the destructor waits
  // for it. A second call does nothing.
  void stop();

  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minikv::server
