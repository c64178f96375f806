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
#include "server/client_list.h"
#include "server/counters.h"
#include "server/server_options.h"
#include "server/slow_log.h"
#include "server/watched_keys.h"

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
  // Run something on a worker thread; the second, what may take minutes.
  std::function<void(std::function<void()>)> run_on_worker;
  std::function<void(std::function<void()>)> run_long;

  Counters counters;
  WatchedKeys watched_keys;
  SlowLog slow_log{options.slow_log_slower_than, options.slow_log_max_len};
  ClientList clients;
  std::atomic<std::uint64_t> next_client_id{1};
};

}  // namespace minikv::server
