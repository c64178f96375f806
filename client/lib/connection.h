// One connection to a server: bytes out, replies in, each with a time limit.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "client/lib/error.h"
#include "client/lib/reply.h"
#include "client/lib/reply_reader.h"

namespace minikv::client {

struct Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 7379;
  std::string password = {};     // given on connecting; empty: none is
  std::string user = "default";  // with the password

  std::string text() const;  // "127.0.0.1:7379", "[::1]:7379"
};

// How long to wait without progress; zero: no limit.
struct Timeouts {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds reply{30'000};
};

// The calls block. Any number of requests may be sent before their replies are received; replies come in the
// order of the requests. The connection also reads while it sends a long request, so that client and server
// never wait for each other.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class Connection {
 public:
  Connection(Endpoint endpoint, Timeouts timeouts);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Tries all addresses of the host, and sends the password if there is one. An open connection is closed
  // first.
  std::optional<Error> connect();
  void close();

  // False before connect(), after close(), and once the server has closed its side.
  bool is_alive();

  // A connection that the server closes meanwhile is no error here: receive() returns what the server
  // answered before.
  std::optional<Error> send(std::string_view bytes);

  enum class Patience : std::uint8_t { kUsual, kUnlimited };
  // The next reply. After an Error the connection is closed.
  std::variant<Reply, Error> receive(Patience patience = Patience::kUsual);

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  std::optional<Error> authenticate();
  void read_on();
  // Runs the loop until `done` is set; false if `timeout` ends first.
  bool run_until(const bool& done, std::chrono::milliseconds timeout);
  Error fail(Error::Kind kind, std::string message);

  Endpoint endpoint_;
  Timeouts timeouts_;
  asio::io_context io_;
  asio::ip::tcp::socket socket_;
  std::unique_ptr<std::array<char, 64 * 1024>> input_;
  ReplyReader reader_;
  bool input_arrived_ = false;
  std::error_code read_error_;
};

}  // namespace minikv::client
