// What all event loops and commands of a server share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <spdlog/logger.h>

#include "minikv/store.h"
#include "server/memory/client_memory.h"
#include "server/memory/heap.h"
#include "server/request/client_list.h"
#include "server/request/counters.h"
#include "server/request/options.h"
#include "server/request/rates.h"
#include "server/request/slow_log.h"
#include "server/request/watched_keys.h"

namespace minikv::server {

// 40 hexadecimal digits.
std::string random_run_id();

// Thread safety: constant after the server has started, but for the counters.
struct ServerState {
  ServerState(ServerOptions server_options, Store& opened_store, std::shared_ptr<spdlog::logger> logger)
      : options(std::move(server_options)), store(opened_store), log(std::move(logger)) {}

  const ServerOptions options;
  Store& store;
  const std::shared_ptr<spdlog::logger> log;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  const std::string run_id = random_run_id();  // of this run, as Redis has one
  std::uint16_t port = 0;
  std::atomic<bool> is_stopping{false};  // long work ends then
  // Run a function on a worker thread; run_long, one that may take minutes.
  std::function<void(std::function<void()>)> run_on_worker;
  std::function<void(std::function<void()>)> run_long;

  Counters counters;
  ClientMemory client_memory{options.max_client_memory};
  HeapTrimmer heap_trimmer;
  Rates rates{counters};
  WatchedKeys watched_keys;
  SlowLog slow_log{options.slow_log_slower_than, options.slow_log_max_len};
  ClientList clients;
  std::atomic<std::uint64_t> next_client_id{1};
};

}  // namespace minikv::server
