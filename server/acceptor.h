// Takes new connections and deals them out to the event loops.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/format.h>

#include "minikv/status.h"
#include "server/listener.h"

namespace minikv::server {

class EventLoop;
struct ServerState;

// Runs on the first loop. The client that is one too many is told so and closed; when the process has no descriptor
// left, accepting pauses.
//
// Thread safety: listen() before the loops run, everything else on the first loop.
class Acceptor {
 public:
  Acceptor(ServerState& server, std::vector<std::unique_ptr<EventLoop>>& loops);

  ~Acceptor();

  // kIoError, if the system refuses: two servers that bind at the same moment find out here.
  Status listen(Listener listener);
  void start();
  void close();

 private:
  struct Port;
  void accept(Port& port);
  void hand_out(asio::ip::tcp::socket socket, EventLoop& loop);
  void pause(Port& port, const asio::error_code& why);
  // Logs a warning, at most one a second.
  template <typename... Args>
  void complain(fmt::format_string<Args...> format, Args&&... args);

  ServerState& server_;
  std::vector<std::unique_ptr<EventLoop>>& loops_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::size_t next_loop_ = 0;
  std::chrono::steady_clock::time_point last_complaint_{};
};

}  // namespace minikv::server
