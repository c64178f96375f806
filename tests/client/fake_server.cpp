// A thread that accepts connections, and runs one script on each.
#include "tests/client/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace minikv::test {
namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

}  // namespace

Peer::~Peer() { close(fd_); }

std::string Peer::read_line() {
  char byte = 0;
  while (buffer_.find('\n') == std::string::npos) {
    if (recv(fd_, &byte, 1, 0) <= 0) return {};
    buffer_ += byte;
  }
  std::string line = std::exchange(buffer_, {});
  line.pop_back();
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::string Peer::read_all() {
  std::string all = std::exchange(buffer_, {});
  std::vector<char> chunk(64 * 1024);
  while (true) {
    const ssize_t got = recv(fd_, chunk.data(), chunk.size(), 0);
    if (got <= 0) return all;
    all.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

bool Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

FakeServer::FakeServer(std::vector<Script> scripts)
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  require(bind(listener_, generic, size) == 0 && getsockname(listener_, generic, &size) == 0, "bind");
  port_ = ntohs(address.sin_port);
  if (scripts.empty()) return;
  require(listen(listener_, 16) == 0, "listen");
  thread_ = std::thread([this, scripts = std::move(scripts)] {
    for (const Script& script : scripts) {
      const int fd = accept(listener_, nullptr, nullptr);
      require(fd >= 0, "accept");
      Peer peer(fd);
      script(peer);
    }
  });
}

FakeServer::~FakeServer() {
  if (thread_.joinable()) thread_.join();
  close(listener_);
}

}  // namespace minikv::test
