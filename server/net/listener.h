// The server's ports: bound early, listened on late.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "minikv/status.h"
#include "server/request/options.h"

namespace minikv::server {

// Sockets that are bound but not listened on. A server that can't have its port learns that before it touches
// the data directory. Clients can't connect before the store is open, so no client ever waits for recovery.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class Listener {
 public:
  // Binds each of `options.bind`. An address that is taken, foreign, unknown or named twice: kIoError or
  // kInvalidArgument, with the address and port in the message, and what to do. Nothing stays bound then.
  // With port 0 the system chooses one port for all of them.
  static Result<Listener> bind(const ServerOptions& options);

  // What bind() would find out, except whether the port is free: check() does not touch the port.
  static Status check(const ServerOptions& options);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  std::uint16_t port() const { return port_; }
  // "127.0.0.1:7379", one for each socket; for the log.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // The descriptors; the caller owns them from then on.
  std::vector<int> release() { return std::exchange(sockets_, {}); }

 private:
  Listener() = default;
  void close();

  std::vector<int> sockets_;
  std::vector<std::string> addresses_;
  std::uint16_t port_ = 0;
};

}  // namespace minikv::server
