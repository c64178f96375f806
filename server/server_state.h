// What all event loops and commands of a server share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include <spdlog/logger.h>

#include "minikv/store.h"
#include "server/counters.h"
#include "server/server_options.h"

namespace minikv::server {

// Thread safety: constant after the server has started, but for the counters.
struct ServerState {
  ServerState(ServerOptions server_options, Store& opened_store, std::shared_ptr<spdlog::logger> logger)
      : options(std::move(server_options)), store(opened_store), log(std::move(logger)) {}

  const ServerOptions options;
  Store& store;
  const std::shared_ptr<spdlog::logger> log;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::uint16_t port = 0;
  // Runs something long on a worker thread.
  std::function<void(std::function<void()>)> run_on_worker;

  Counters counters;
  std::atomic<std::uint64_t> next_client_id{1};
};

}  // namespace minikv::server
