#include "server/listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace minikv::server {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<AddressList> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("cannot bind to {}: {}", host,
                              error == EAI_SYSTEM ? "lookup failed" : ::gai_strerror(error)));
  }
  return AddressList(found, &::freeaddrinfo);
}

std::string show(const std::string& host, std::uint16_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<int> bind_one(const addrinfo& address, const std::string& shown) {
  const auto failed = [&shown](int error, int fd) {
    if (fd >= 0) ::close(fd);
    return Status::from_errno(error, "cannot bind to " + shown);
  };
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(errno, fd);
  const int on = 1;
  // So that [::] and 0.0.0.0 can both be named.
  if (address.ai_family == AF_INET6 && ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return failed(errno, fd);
  }
  if (::bind(fd, address.ai_addr, address.ai_addrlen) == 0) return fd;
  // Connections of an earlier run that linger must not keep the port. The permission to share it is asked for only
  // then, as two servers that both have it, and do not listen yet, would both be given the port.
  if (errno != EADDRINUSE || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd, address.ai_addr, address.ai_addrlen) != 0) {
    return failed(errno, fd);
  }
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  // The port is at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

Result<Listener> Listener::bind(const ServerOptions& options) {
  Listener listener;
  listener.port_ = options.port;
  for (const std::string& host : options.bind) {
    auto addresses = resolve(host, listener.port_);
    if (!addresses) return addresses.status();
    // A name may stand for several addresses; the first is what the system prefers.
    auto fd = bind_one(**addresses, show(host, listener.port_));
    if (!fd) return fd.status();
    listener.sockets_.push_back(*fd);
    if (listener.port_ == 0) listener.port_ = port_of(*fd);
    listener.addresses_.push_back(show(host, listener.port_));
  }
  if (listener.sockets_.empty())
    return Status(StatusCode::kInvalidArgument, "there is no address to bind to");
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : sockets_(other.release()), addresses_(std::move(other.addresses_)), port_(other.port_) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    close();
    sockets_ = other.release();
    addresses_ = std::move(other.addresses_);
    port_ = other.port_;
  }
  return *this;
}

Listener::~Listener() { close(); }

void Listener::close() {
  for (const int fd : std::exchange(sockets_, {})) ::close(fd);
}

}  // namespace minikv::server
