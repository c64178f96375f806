// A server over a store of its own, and a client that speaks to it in plain bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "minikv/store.h"
#include "server/net/server.h"

namespace minikv::server {

// Zero-writing a spare segment of the usual size takes longer than most tests.
inline Options small_segments() {
  Options store;
  store.segment_size = kMiB;
  return store;
}

// Made and started by the constructor; the data directory goes with it.
class TestServer {
 public:
  struct Setup {
    ServerOptions options;
    Options store = small_segments();
    std::function<void(const std::string& data_directory)> prepare;  // before the store is opened
  };
  TestServer() : TestServer(Setup{}) {}
  explicit TestServer(Setup setup);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::uint16_t port() const { return server_->port(); }
  Store& store() { return *store_; }
  Server& server() { return *server_; }
  // Where the store is.
  std::string data_directory() const { return directory_ + "/data"; }
  // What the server has logged so far.
  std::string log() const;

 private:
  struct Log;

  std::string directory_;
  std::shared_ptr<Log> log_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Server> server_;
};

// A blocking connection. Whatever takes longer than 30 s fails the test.
class TestClient {
 public:
  struct Setup {
    int receive_buffer_bytes = 0;  // 0: as the system has it
  };
  explicit TestClient(std::uint16_t port) : TestClient(port, Setup{}) {}
  TestClient(std::uint16_t port, Setup setup);
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes);
  // As much as can be sent without waiting; how much that was.
  std::size_t send_some(std::string_view bytes);
  std::string read(std::size_t bytes);
  // Without its line end.
  std::string read_line();
  // From now on a reset counts as the end: the server may close while it has not read all.
  void allow_reset() { may_be_reset_ = true; }
  // To the end of the stream.
  std::string read_all();
  // send() and read_line().
  std::string ask(std::string_view request);

  void half_close();
  // send() and half_close(), in one segment if it all fits.
  void send_and_half_close(std::string_view bytes);
  void send_out_of_band(char byte);
  void reset();  // so that the server sees ECONNRESET
  void close();

 private:
  void send(std::string_view bytes, int flags);
  bool fill();  // false: the server has closed

  int fd_ = -1;
  bool may_be_reset_ = false;
  std::string buffer_;
};

// A RESP request of these arguments.
std::string resp(std::initializer_list<std::string_view> args);
// The same for words that are made at run time.
std::string resp_of(const std::vector<std::string>& words);

// Whether somebody listens there.
bool can_connect(std::uint16_t port);

void pause_briefly();

// Whether `condition` came true within 30 s; looks every few milliseconds.
template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    pause_briefly();
  }
  return true;
}

}  // namespace minikv::server
