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

  // list, scan and range stop with `more` when their reply passes this, though not before the first item.
  std::uint64_t max_reply_bytes = 16ULL << 20;
  // A connection is not read from while more bytes of replies wait to be taken ...
  std::size_t max_output_bytes = 64U << 20;
  // (less, as the replies that wait to be taken by all clients together come near to this)
  std::size_t max_total_output_bytes = std::size_t{1} << 30;
  // ... and is closed when its client has taken nothing for this long while replies wait.
  std::chrono::milliseconds stall_timeout{30'000};
  // A connection is not read from while it has more than this with the writer thread.
  std::size_t max_in_flight_bytes = 16U << 20;
  std::size_t max_in_flight_requests = 100'000;
  // How long stop() lets clients take the replies that they are owed.
  std::chrono::milliseconds stop_timeout{5'000};

  std::string password;  // empty: none is asked for
  // Commands that take this long are kept for SLOWLOG, and how many of them.
  std::chrono::microseconds slow_log_slower_than{10'000};
  std::size_t slow_log_max_len = 128;
  // What SHUTDOWN calls, on an event loop; without it the command is refused.
  std::function<void()> request_stop;

  protocol::ParserLimits parser;  // the store's limits apply as well

  // What CONFIG GET and `info server` tell: the settings in force, by name.
  std::vector<std::pair<std::string, std::string>> settings;
  std::string version = "0.0.0";  // of minikv, for INFO and HELLO
};

}  // namespace minikv::server
