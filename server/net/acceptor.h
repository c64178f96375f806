// Takes new connections and deals them out to the event loops.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/format.h>

#include "minikv/status.h"
#include "protocol/errors.h"
#include "server/net/listener.h"
#include "server/net/socket.h"

namespace minikv::server {

class EventLoop;
struct ServerState;

// Runs on a thread of its own. A client beyond max_clients gets an error and is closed. When the process has
// no descriptor left, accepting pauses.
//
// Thread safety: used by one thread, which may be any.
class Acceptor {
 public:
  Acceptor(ServerState& server, std::vector<std::unique_ptr<EventLoop>>& loops);

  ~Acceptor();

  // To be called once, before start(). kIoError if the system refuses; of two servers that bind at the same
  // moment, one fails here.
  Status listen(Listener listener);
  void start();
  // Once it has returned, no connection is handed out any more. A second call does nothing.
  void close();

 private:
  struct Port;
  void wait(Port& port);
  void accept(Port& port);
  void hand_out(Socket socket, std::string address);
  static void tell_and_close(const Socket& socket, const protocol::ErrorReply& error);
  void pause(Port& port, const asio::error_code& why);
  // Logs a warning, at most one a second.
  template <typename... Args>
  void complain(fmt::format_string<Args...> format, Args&&... args);

  ServerState& server_;
  std::vector<std::unique_ptr<EventLoop>>& loops_;
  asio::io_context io_{1};
  std::vector<std::unique_ptr<Port>> ports_;
  std::thread thread_;
  std::size_t next_loop_ = 0;
  std::chrono::steady_clock::time_point last_complaint_{};
};

}  // namespace minikv::server
