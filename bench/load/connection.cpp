// Requests are written and replies read as RESP2.
#include "bench/load/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

namespace minikv::bench {
namespace {

constexpr std::size_t kInputBytes = 256 * 1024;

[[noreturn]] void fail(const char* call) { throw std::system_error(errno, std::generic_category(), call); }

}  // namespace

// The bytes that follow the line, with their line end; 0: the line is the whole reply.
std::size_t ReplyScanner::body_of_line() {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  if (line_.empty() || std::strchr("+-:$", line_[0]) == nullptr)
    throw std::runtime_error("the server has sent what is no reply to GET or SET: " + line_);
  if (line_[0] != '$') return 0;
  std::int64_t length = 0;
  std::from_chars(line_.data() + 1, line_.data() + line_.size(), length);
  body_left_ = length < 0 ? 0 : static_cast<std::size_t>(length) + 2;
  return body_left_;
}

Answer ReplyScanner::answer_of_line() const {
  if (line_[0] == '-') return Answer::kError;
  return line_[0] == '$' ? Answer::kMiss : Answer::kOk;
}

Connection::Connection(int port) : input_(kInputBytes, '\0') {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  if (setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) fail("setsockopt");
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fail("connect");
}

Connection::~Connection() { close(fd_); }

void Connection::add(Verb verb, std::uint64_t key, std::string_view value, Clock::time_point due) {
  auto out = std::back_inserter(output_);
  if (verb == Verb::kGet) {
    fmt::format_to(out, "*2\r\n$3\r\nGET\r\n$16\r\nkey:{:012}\r\n", key);
  } else {
    fmt::format_to(out, "*3\r\n$3\r\nSET\r\n$16\r\nkey:{:012}\r\n${}\r\n", key, value.size());
    output_.append(value);
    output_.append("\r\n");
  }
  in_flight_.push_back({verb, due});
}

void Connection::send() {
  while (has_output()) {
    const ssize_t sent =
        ::send(fd_, output_.data() + sent_, output_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (sent < 0) fail("send");
    sent_ += static_cast<std::size_t>(sent);
  }
  output_.clear();
  sent_ = 0;
}

std::string_view Connection::read_some() {
  if (!may_have_more_) {
    may_have_more_ = true;
    return {};
  }
  const ssize_t got = recv(fd_, input_.data(), input_.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (got < 0) fail("recv");
  if (got == 0) throw std::runtime_error("the server has closed a connection");
  may_have_more_ = static_cast<std::size_t>(got) == input_.size();
  return std::string_view(input_).substr(0, static_cast<std::size_t>(got));
}

Connection::Request Connection::take_request() {
  if (in_flight_.empty()) throw std::runtime_error("the server has answered more than it was asked");
  const Request request = in_flight_.front();
  in_flight_.pop_front();
  return request;
}

}  // namespace minikv::bench
