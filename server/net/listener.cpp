// Binding addresses, and saying what is wrong with them.
#include "server/net/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace minikv::server {

namespace {

struct Address {
  std::string host;  // as it was written
  sockaddr_storage bytes{};
  socklen_t length = 0;

  const sockaddr* socket() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  bool is_ipv6() const { return bytes.ss_family == AF_INET6; }
};

// A name may stand for several addresses; the system prefers the first.
Result<Address> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("cannot bind to {}: {}: correct --bind, or name an address instead", host,
                              error == EAI_SYSTEM ? "lookup failed" : ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  Address address{.host = host};
  std::memcpy(&address.bytes, list->ai_addr, list->ai_addrlen);
  address.length = list->ai_addrlen;
  return address;
}

// The bytes of the IP address alone.
std::string_view ip_of(const Address& address) {
  if (address.is_ipv6()) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(&address.bytes);
    return {reinterpret_cast<const char*>(&ipv6->sin6_addr), sizeof ipv6->sin6_addr};
  }
  const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(&address.bytes);
  return {reinterpret_cast<const char*>(&ipv4->sin_addr), sizeof ipv4->sin_addr};
}

std::uint32_t scope_of(const Address& address) {
  return address.is_ipv6() ? reinterpret_cast<const sockaddr_in6*>(&address.bytes)->sin6_scope_id : 0;
}

bool is_every_address(const Address& address) {
  return ip_of(address).find_first_not_of('\0') == std::string_view::npos;
}

// Refuses two names for one port on the same interface, which the system would only call "in use".
Status check_apart(const Address& one, const Address& other) {
  if (one.bytes.ss_family != other.bytes.ss_family) return {};
  const auto refuse = [](std::string message) {
    return Status(StatusCode::kInvalidArgument, std::move(message));
  };
  if (ip_of(one) == ip_of(other) && scope_of(one) == scope_of(other)) {
    if (one.host == other.host) return refuse(fmt::format("bind names {} twice: leave one out", one.host));
    return refuse(fmt::format("bind names the same address twice, as {} and as {}: leave one out", one.host,
                              other.host));
  }
  if (!is_every_address(one) && !is_every_address(other)) return {};
  const Address& every = is_every_address(one) ? one : other;
  return refuse(fmt::format("bind names {}, which is every {} address, and {} beside it: leave one out",
                            every.host, every.is_ipv6() ? "IPv6" : "IPv4",
                            (&every == &one ? other : one).host));
}

Result<std::vector<Address>> resolve_all(const ServerOptions& options) {
  std::vector<Address> addresses;
  for (const std::string& host : options.bind) {
    auto address = resolve(host, options.port);
    if (!address) return address.status();
    for (const Address& earlier : addresses) MINIKV_TRY(check_apart(earlier, *address));
    addresses.push_back(*std::move(address));
  }
  if (addresses.empty()) return Status(StatusCode::kInvalidArgument, "there is no address to bind to");
  return addresses;
}

std::string show(const std::string& host, std::uint16_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

// The first port that takes no privilege.
std::uint32_t first_free_port() {
  std::uint32_t first = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first;
  return first;
}

std::string privilege_advice() {
  return fmt::format(
      "a port below {} takes root or CAP_NET_BIND_SERVICE: choose another --port, or see "
      "\"Ports below 1024\" in OPERATIONS.md",
      first_free_port());
}

std::string advice(int error, std::uint16_t port) {
  switch (error) {
    case EADDRINUSE:
      return fmt::format(
          "another program has that port: end it, or choose another --port or --bind "
          "(ss -ltnp 'sport = :{}' shows it)",
          port);
    case EADDRNOTAVAIL:
      return "this machine has no such address (ip addr shows those it has): correct --bind";
    case EAFNOSUPPORT: return "this machine has no IPv6: take it out of --bind";
    case EACCES:
      return port < first_free_port() ? privilege_advice()
                                      : "a rule of this machine (SELinux, AppArmor) forbids it";
    default: return "choose another --port or --bind";
  }
}

Status bind_failed(int error, const std::string& host, std::uint16_t port) {
  return {StatusCode::kIoError, fmt::format("cannot bind to {}: {}: {}", show(host, port),
                                            std::generic_category().message(error), advice(error, port))};
}

// Returns -1 and sets errno on failure.
int open_socket(const Address& address) {
  const int fd = ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  // IPV6_V6ONLY lets a server bind both [::] and 0.0.0.0.
  if (fd >= 0 && address.is_ipv6() && ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

// The port is at the same place in both families.
void set_port(Address& address, std::uint16_t port) {
  reinterpret_cast<sockaddr_in*>(&address.bytes)->sin_port = htons(port);
}

Result<int> bind_one(const Address& address, std::uint16_t port) {
  const auto failed = [&](int error, int fd) {
    if (fd >= 0) ::close(fd);
    return bind_failed(error, address.host, port);
  };
  const int fd = open_socket(address);
  if (fd < 0) return failed(errno, fd);
  if (::bind(fd, address.socket(), address.length) == 0) return fd;
  // Lingering connections of an earlier run must not keep the port. SO_REUSEADDR is set only after a failure,
  // because two servers that both set it, and do not listen yet, would both be given the port.
  const int on = 1;
  if (errno != EADDRINUSE || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd, address.socket(), address.length) != 0) {
    return failed(errno, fd);
  }
  return fd;
}

// Whether the process has CAP_NET_BIND_SERVICE, which is bit 10.
bool may_bind_any_port() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t effective = 0;
    if (word == "CapEff:") return status >> std::hex >> effective && (effective >> 10U & 1U) != 0;
  }
  return true;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

Result<Listener> Listener::bind(const ServerOptions& options) {
  auto addresses = resolve_all(options);
  if (!addresses) return addresses.status();
  Listener listener;
  listener.port_ = options.port;
  for (Address& address : *addresses) {
    set_port(address, listener.port_);
    auto fd = bind_one(address, listener.port_);
    if (!fd) return fd.status();
    listener.sockets_.push_back(*fd);
    if (listener.port_ == 0) listener.port_ = port_of(*fd);
    listener.addresses_.push_back(show(address.host, listener.port_));
  }
  return listener;
}

Status Listener::check(const ServerOptions& options) {
  auto addresses = resolve_all(options);
  if (!addresses) return addresses.status();
  for (Address& address : *addresses) {
    set_port(address, 0);  // any free port: only the address is tried
    auto fd = bind_one(address, options.port);
    if (!fd) return fd.status();
    ::close(*fd);
  }
  if (options.port != 0 && options.port < first_free_port() && !may_bind_any_port())
    return bind_failed(EACCES, options.bind.front(), options.port);
  return Status::ok();
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
