// Accepting connections, and refusing those that are too many.
#include "server/net/acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include <asio/post.hpp>

#include "protocol/errors.h"
#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"
#include "server/net/event_loop.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

constexpr int kBacklog = 4096;       // the system's own limit (somaxconn) is usually less
constexpr int kAcceptedAtOnce = 64;  // before another port gets its turn
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kComplaintInterval{1};

std::string show(const asio::ip::tcp::endpoint& peer) {
  const std::string host = peer.address().to_string();
  return peer.address().is_v6() ? fmt::format("[{}]:{}", host, peer.port())
                                : fmt::format("{}:{}", host, peer.port());
}

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

struct Acceptor::Port {
  explicit Port(asio::io_context& io) : acceptor(io), timer(io) {}
  asio::ip::tcp::acceptor acceptor;
  asio::steady_timer timer;
};

Acceptor::Acceptor(ServerState& server, std::vector<std::unique_ptr<EventLoop>>& loops)
    : server_(server), loops_(loops) {}

Acceptor::~Acceptor() { close(); }

template <typename... Args>
void Acceptor::complain(fmt::format_string<Args...> format, Args&&... args) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_complaint_ < kComplaintInterval) return;
  last_complaint_ = now;
  server_.log->warn(format, std::forward<Args>(args)...);
}

Status Acceptor::listen(Listener listener) {
  assert(ports_.empty() && !thread_.joinable());
  const std::vector<std::string> addresses = listener.addresses();
  std::vector<int> sockets = listener.release();
  Status status;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    auto port = std::make_unique<Port>(io_);
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const bool known = ::getsockname(sockets[i], reinterpret_cast<sockaddr*>(&address), &length) == 0;
    asio::error_code error;
    port->acceptor.assign(known && address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                          sockets[i], error);
    if (error) {
      ::close(sockets[i]);
    } else {
      // Accepted connections inherit the option, so they do not keep the port from the next run (see
      // Listener).
      port->acceptor.set_option(asio::socket_base::reuse_address(true), error);
      if (!error) port->acceptor.non_blocking(true, error);
      if (!error) port->acceptor.listen(kBacklog, error);
    }
    if (error && status) status = Status::from_errno(error.value(), "cannot listen on " + addresses[i]);
    ports_.push_back(std::move(port));
  }
  if (!status) ports_.clear();
  return status;
}

void Acceptor::start() {
  assert(!thread_.joinable() && !ports_.empty());
  for (const auto& port : ports_) wait(*port);
  thread_ = std::thread([this] { io_.run(); });
}

void Acceptor::close() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    for (const auto& port : ports_) {
      asio::error_code ignored;
      port->acceptor.close(ignored);
      port->timer.cancel();
    }
  });
  thread_.join();
}

void Acceptor::wait(Port& port) {
  port.acceptor.async_wait(asio::socket_base::wait_read, [this, &port](const asio::error_code&) {
    if (port.acceptor.is_open()) accept(port);
  });
}

// Calls accept4(2) itself: Asio would watch each connection for events, but its event loop does that.
void Acceptor::accept(Port& port) {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    asio::ip::tcp::endpoint peer;
    auto length = static_cast<socklen_t>(peer.capacity());
    Socket socket(
        ::accept4(port.acceptor.native_handle(), peer.data(), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.fd() >= 0) {
      try {
        peer.resize(length);
        hand_out(std::move(socket), show(peer));
      } catch (const std::bad_alloc&) {
        return pause(port, asio::error_code(ENOMEM, asio::error::get_system_category()));
      }
    } else if (is_shortage(errno)) {
      return pause(port, asio::error_code(errno, asio::error::get_system_category()));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    }  // any other error is about one connection, gone before it was accepted
  }
  wait(port);
}

void Acceptor::hand_out(Socket socket, std::string address) {
  // In text, because the client's dialect can't be known yet. RESP clients read it as an error, too.
  static const protocol::ErrorReply kTooMany{protocol::ErrorCode::kMaxClients,
                                             "max number of clients reached", ""};
  Counters& counters = server_.counters;
  counters.connections_received.add();
  const protocol::ErrorReply* error = nullptr;
  // Counted here and not on the event loop, so that two clients at once can't both be the last one.
  Counter* count = &counters.clients;
  if (counters.clients.get() >= server_.options.max_clients) {
    counters.connections_rejected.add();
    error = &kTooMany;
    count = &counters.turned_away;
    complain("a client was turned away: there are max_clients ({}) already", server_.options.max_clients);
    if (count->get() >= server_.options.max_turned_away) return tell_and_close(socket, kTooMany);
  }
  count->add();
  EventLoop& loop = *loops_[next_loop_];
  next_loop_ = (next_loop_ + 1) % loops_.size();
  try {
    loop.post([&loop, error, socket = std::make_shared<Socket>(std::move(socket)),
               address = std::move(address)]() mutable {
      loop.adopt(std::move(*socket), std::move(address), error);
    });
  } catch (const std::bad_alloc&) {
    count->subtract();
    throw;
  }
}

// Does not wait until the client has the error: when many clients come at once, descriptors are worth more.
void Acceptor::tell_and_close(const Socket& socket, const protocol::ErrorReply& error) {
  protocol::ReplyBuffer reply;
  protocol::ReplyEncoder(protocol::ReplyFormat::kText, reply).error(error);
  const std::string line = reply.str();
  (void)::send(socket.fd(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

// A retry at once would only fail again, and keep the processor busy.
void Acceptor::pause(Port& port, const asio::error_code& why) {
  complain("cannot accept connections for now: {}", why.message());
  port.timer.expires_after(kPause);
  port.timer.async_wait([this, &port](const asio::error_code& error) {
    if (!error && port.acceptor.is_open()) accept(port);
  });
}

}  // namespace minikv::server
