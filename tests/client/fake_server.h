// A server that does what a test tells it, to clients that connect to it on a free port.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace minikv::test {

// The server's end of one connection.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // The next line without its line end; empty when the client has closed.
  std::string read_line();
  // All bytes until the client closes.
  std::string read_all();
  // False if the client has closed.
  bool send(std::string_view bytes);

 private:
  int fd_;
  std::string buffer_;
};

// Thread safety: port() may be called from any thread.
class FakeServer {
 public:
  using Script = std::function<void(Peer&)>;

  // The first connection is given the first script, and so on, one after the other; a connection is closed
  // when its script returns. Without scripts the port is taken, but nobody listens.
  explicit FakeServer(std::vector<Script> scripts);
  // Waits for the last script to return: it must have had its connection.
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace minikv::test
