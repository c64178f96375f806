// The socket calls, and the buffer that lines are cut from.
#include "tests/e2e/line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace minikv::test {

Line::Line(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  open_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

Line::~Line() { ::close(socket_); }

bool Line::send(std::string_view bytes) {
  while (open_ && !bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    open_ = sent > 0;
    if (open_) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return open_;
}

std::optional<std::string> Line::line() {
  for (;;) {
    if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
      std::string found = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return found;
    }
    char piece[4096];
    const ssize_t got = ::recv(socket_, piece, sizeof(piece), 0);
    if (got <= 0) return std::nullopt;
    buffer_.append(piece, static_cast<std::size_t>(got));
  }
}

std::optional<std::string> Line::ask(const std::string& request) {
  if (!send(request + "\r\n")) return std::nullopt;
  return line();
}

}  // namespace minikv::test
