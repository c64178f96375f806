#include "server/acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include <asio/post.hpp>

#include "protocol/errors.h"
#include "server/event_loop.h"
#include "server/server_state.h"

namespace minikv::server {

namespace {

constexpr int kBacklog = 4096;  // the system's own limit (somaxconn) is usually less
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kComplaintInterval{1};

}  // namespace

struct Acceptor::Port {
  explicit Port(asio::io_context& io) : acceptor(io), timer(io) {}
  asio::ip::tcp::acceptor acceptor;
  asio::steady_timer timer;
};

Acceptor::Acceptor(ServerState& server, std::vector<std::unique_ptr<EventLoop>>& loops)
    : server_(server), loops_(loops) {}

Acceptor::~Acceptor() = default;

template <typename... Args>
void Acceptor::complain(fmt::format_string<Args...> format, Args&&... args) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_complaint_ < kComplaintInterval) return;
  last_complaint_ = now;
  server_.log->warn(format, std::forward<Args>(args)...);
}

Status Acceptor::listen(Listener listener) {
  const std::vector<std::string> addresses = listener.addresses();
  std::vector<int> sockets = listener.release();
  Status status;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    auto port = std::make_unique<Port>(loops_.front()->io());
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const bool known = ::getsockname(sockets[i], reinterpret_cast<sockaddr*>(&address), &length) == 0;
    asio::error_code error;
    port->acceptor.assign(known && address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                          sockets[i], error);
    if (error) {
      ::close(sockets[i]);
    } else {
      // What is accepted inherits it: such connections do not keep the port from the next run (see Listener).
      port->acceptor.set_option(asio::socket_base::reuse_address(true), error);
      if (!error) port->acceptor.listen(kBacklog, error);
    }
    if (error && status) status = Status::from_errno(error.value(), "cannot listen on " + addresses[i]);
    ports_.push_back(std::move(port));
  }
  if (!status) ports_.clear();
  return status;
}

void Acceptor::start() {
  for (const auto& port : ports_) accept(*port);
}

void Acceptor::close() {
  for (const auto& port : ports_) {
    asio::error_code ignored;
    port->acceptor.close(ignored);
    port->timer.cancel();
  }
}

void Acceptor::accept(Port& port) {
  EventLoop& loop = *loops_[next_loop_];
  next_loop_ = (next_loop_ + 1) % loops_.size();
  port.acceptor.async_accept(
      loop.io(), [this, &port, &loop](const asio::error_code& error, asio::ip::tcp::socket socket) {
        if (!port.acceptor.is_open()) return;
        if (!error) {
          hand_out(std::move(socket), loop);
        } else if (error.value() == EMFILE || error.value() == ENFILE || error.value() == ENOBUFS ||
                   error.value() == ENOMEM) {
          return pause(port, error);
        }  // any other error is the one connection's: it was gone before it was accepted
        accept(port);
      });
}

void Acceptor::hand_out(asio::ip::tcp::socket socket, EventLoop& loop) {
  // In text: what the client speaks can't be known yet. RESP clients find an error in it all the same.
  static const protocol::ErrorReply kTooMany{protocol::ErrorCode::kMaxClients,
                                             "max number of clients reached", ""};
  server_.counters.connections_received.add();
  const protocol::ErrorReply* error = nullptr;
  if (server_.counters.clients.get() < server_.options.max_clients) {
    // Counted here and not on its loop, so that two at once can't both be the last one.
    server_.counters.clients.add();
  } else {
    server_.counters.connections_rejected.add();
    error = &kTooMany;
    complain("a client was turned away: there are max_clients ({}) already", server_.options.max_clients);
  }
  asio::post(loop.io(),
             [&loop, error, taken = std::move(socket)]() mutable { loop.adopt(std::move(taken), error); });
}

// Retrying at once would only fail again, as fast as the processor can.
void Acceptor::pause(Port& port, const asio::error_code& why) {
  complain("cannot accept connections for now: {}", why.message());
  port.timer.expires_after(kPause);
  port.timer.async_wait([this, &port](const asio::error_code& error) {
    if (!error && port.acceptor.is_open()) accept(port);
  });
}

}  // namespace minikv::server
