// How the network half of the server is set up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/parser.h"

namespace minikv::server {

// Every field has a default that is safe.
struct ServerOptions {
  std::vector<std::string> bind = {"127.0.0.1"};  // addresses or host names; at least one
  std::uint16_t port = 7379;                      // 0: any that is free, see Listener::port()
  unsigned io_threads = 1;                        // event loops; at least 1
  std::size_t max_clients = 10'000;
  // A connection beyond max_clients is told so and closed. So many of them at the same time are waited for
  // until the client has read the error; a further one is told only if that can be done at once.
  std::size_t max_turned_away = 64;

  // list, scan and range stop with `more` when their reply passes this, though not before the first item.
  std::uint64_t max_reply_bytes = 16ULL << 20;
  // All that clients make the server hold, see ClientMemory.
  std::uint64_t max_client_memory = std::uint64_t{1} << 30;
  // A connection is not read from while more bytes of replies wait to be taken ...
  std::size_t max_output_bytes = 256U << 20;
  // (less, as the replies that wait to be taken by all clients together come near to this maximum)
  std::size_t max_total_output_bytes = std::size_t{1} << 30;
  // ... and is closed when its client has taken nothing for this long while replies wait.
  std::chrono::milliseconds stall_timeout{30'000};
  // A request that waits for memory for this long is refused, and so is work that takes this long on a
  // worker.
  std::chrono::milliseconds request_timeout{30'000};
  // A connection is not read from while it has more than this with the writer thread.
  std::size_t max_in_flight_bytes = 16U << 20;
  std::size_t max_in_flight_requests = 100'000;
  // A connection is closed if nothing has been received or sent for so long, and nothing is done for it; 0:
  // none is.
  std::chrono::seconds idle_timeout{0};
  // After so long without traffic, the kernel asks whether the client's machine is still there; 0: never.
  std::chrono::seconds tcp_keepalive{300};
  // How long stop() lets clients take the replies that they are owed.
  std::chrono::milliseconds stop_timeout{5'000};

  std::string password;  // empty: none is asked for
  // SLOWLOG keeps commands that take this long or longer, up to slow_log_max_len of them.
  std::chrono::microseconds slow_log_slower_than{10'000};
  std::size_t slow_log_max_len = 128;
  // What SHUTDOWN calls, on an event loop; without it the command is refused.
  std::function<void()> request_stop;

  protocol::ParserLimits parser;  // the store's limits apply as well

  // The settings in force, by name, for CONFIG GET and `info server`.
  std::vector<std::pair<std::string, std::string>> settings;
  std::string version = "0.0.0";  // of minikv, for INFO and HELLO
};

}  // namespace minikv::server
