// The server runs on threads of the test's process; the client's socket has time limits.
#include "tests/server/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

namespace minikv::server {

namespace {

std::string make_directory() {
  std::string path = ::testing::TempDir() + "/minikv-server-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) ADD_FAILURE() << "mkdtemp: " << std::strerror(errno);
  return path;
}

}  // namespace

struct TestServer::Log {
  std::mutex mutex;
  std::ostringstream text;
};

namespace {

// A stream that several threads may log to, and another read from.
class LockedSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LockedSink(std::mutex& mutex, std::ostringstream& text) : mutex_(mutex), text_(text) {}

 private:
  // NOLINTNEXTLINE(readability-identifier-naming): spdlog's name
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::lock_guard lock(mutex_);
    text_ << std::string_view(message.payload.data(), message.payload.size()) << '\n';
  }
  // NOLINTNEXTLINE(readability-identifier-naming): spdlog's name
  void flush_() override {}

  std::mutex& mutex_;
  std::ostringstream& text_;
};

}  // namespace

TestServer::TestServer(Setup setup) : directory_(make_directory()), log_(std::make_shared<Log>()) {
  setup.options.port = 0;
  auto listener = Listener::bind(setup.options);
  if (!listener) {
    ADD_FAILURE() << listener.status().message();
    std::abort();
  }
  if (setup.prepare) setup.prepare(data_directory());
  auto store = Store::open(data_directory(), setup.store);
  if (!store) {
    ADD_FAILURE() << store.status().message();
    std::abort();
  }
  store_ = *std::move(store);
  auto logger =
      std::make_shared<spdlog::logger>("test", std::make_shared<LockedSink>(log_->mutex, log_->text));
  logger->set_level(spdlog::level::debug);
  server_ = std::make_unique<Server>(setup.options, *std::move(listener), *store_, logger);
  const Status started = server_->start();
  EXPECT_TRUE(started) << started.message();
}

TestServer::~TestServer() {
  server_->stop();
  const Status closed = store_->close();
  EXPECT_TRUE(closed) << closed.message();
  server_.reset();
  store_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string TestServer::log() const {
  const std::lock_guard lock(log_->mutex);
  return log_->text.str();
}

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

bool can_connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

TestClient::TestClient(std::uint16_t port, Setup setup)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (setup.receive_buffer_bytes > 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &setup.receive_buffer_bytes, sizeof setup.receive_buffer_bytes);
  }
  const timeval limit{30, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const sockaddr_in address = loopback(port);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ADD_FAILURE() << "connect: " << std::strerror(errno);
  }
}

void TestClient::send(std::string_view bytes) { send(bytes, 0); }

void TestClient::send(std::string_view bytes, int flags) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
    if (sent <= 0) {
      ADD_FAILURE() << "send: " << std::strerror(errno);
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::size_t TestClient::send_some(std::string_view bytes) {
  const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

bool TestClient::fill() {
  char chunk[65536];
  const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
  const bool is_end = got < 0 && errno == ECONNRESET && may_be_reset_;
  if (got < 0 && !is_end) ADD_FAILURE() << "recv: " << std::strerror(errno);
  if (got <= 0) return false;
  buffer_.append(chunk, static_cast<std::size_t>(got));
  return true;
}

std::string TestClient::read(std::size_t bytes) {
  while (buffer_.size() < bytes) {
    if (!fill()) break;
  }
  std::string out = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return out;
}

std::string TestClient::read_line() {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) return "(closed)";
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string TestClient::read_all() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

std::string TestClient::ask(std::string_view request) {
  send(request);
  send("\r\n");
  return read_line();
}

void TestClient::half_close() { ::shutdown(fd_, SHUT_WR); }

void TestClient::send_and_half_close(std::string_view bytes) {
  const int off = 0;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off);
  send(bytes, MSG_MORE);
  half_close();
}

void TestClient::send_out_of_band(char byte) { send({&byte, 1}, MSG_OOB); }

void TestClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void TestClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string resp(std::initializer_list<std::string_view> args) {
  std::string out = fmt::format("*{}\r\n", args.size());
  for (const std::string_view arg : args) out += fmt::format("${}\r\n{}\r\n", arg.size(), arg);
  return out;
}

std::string resp_of(const std::vector<std::string>& words) {
  std::string out = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) out += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return out;
}

void pause_briefly() { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

}  // namespace minikv::server
