// The socket by Asio: each call runs the event loop until it is done or its time is over.
#include "client/lib/connection.h"

#include <system_error>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <fmt/format.h>

#include "client/lib/words.h"

namespace minikv::client {
namespace {

using asio::ip::tcp;

std::string seconds(std::chrono::milliseconds time) {
  return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000);
}

}  // namespace

std::string Endpoint::text() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Connection::Connection(Endpoint endpoint, Timeouts timeouts)
    : endpoint_(std::move(endpoint)),
      timeouts_(timeouts),
      socket_(io_),
      input_(std::make_unique<std::array<char, 64 * 1024>>()) {}

Connection::~Connection() { close(); }

std::optional<Error> Connection::connect() {
  close();
  std::error_code error;
  tcp::resolver resolver(io_);
  const auto addresses = resolver.resolve(endpoint_.host, std::to_string(endpoint_.port), error);
  if (!error) {
    bool done = false;
    asio::async_connect(socket_, addresses, [&](std::error_code result, const tcp::endpoint&) {
      error = result;
      done = true;
    });
    if (!run_until(done, timeouts_.connect)) {
      close();  // runs the handler, which refers to local variables
      error = std::make_error_code(std::errc::timed_out);
    }
  }
  if (error) {
    return fail(Error::Kind::kCannotConnect,
                fmt::format("Cannot connect to {}: {}. Is minikvd running there? Start it, or name another "
                            "server with --host and --port.",
                            endpoint_.text(), error.message()));
  }
  socket_.set_option(tcp::no_delay(true), error);
  read_on();
  return endpoint_.password.empty() ? std::nullopt : authenticate();
}

std::optional<Error> Connection::authenticate() {
  std::string request = "auth ";
  append_word(request, {endpoint_.user});
  request += ' ';
  append_word(request, {endpoint_.password, true});
  request += "\r\n";
  if (auto error = send(request)) return error;
  const auto answer = receive();
  if (const auto* error = std::get_if<Error>(&answer)) return *error;
  const Reply& reply = std::get<Reply>(answer);
  if (reply.kind == Reply::Kind::kOk) return std::nullopt;
  return fail(Error::Kind::kRefused,
              fmt::format("{} does not take the password: {}", endpoint_.text(), reply.text));
}

void Connection::close() {
  std::error_code ignored;
  socket_.close(ignored);
  // Runs the pending handlers, as they refer to this object.
  io_.restart();
  io_.poll();
  reader_.reset();
  read_error_ = {};
}

bool Connection::is_alive() {
  if (!socket_.is_open()) return false;
  io_.restart();
  io_.poll();
  return !read_error_;
}

std::optional<Error> Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    bool done = false;
    std::error_code error;
    std::size_t written = 0;
    socket_.async_write_some(asio::buffer(bytes), [&](std::error_code result, std::size_t size) {
      error = result;
      written = size;
      done = true;
    });
    if (!run_until(done, timeouts_.reply)) {
      return fail(Error::Kind::kTimeout, fmt::format("{} took no more of the request for {}.",
                                                     endpoint_.text(), seconds(timeouts_.reply)));
    }
    if (error) break;
    bytes.remove_prefix(written);
  }
  return std::nullopt;
}

std::variant<Reply, Error> Connection::receive(Patience patience) {
  const auto timeout = patience == Patience::kUnlimited ? std::chrono::milliseconds(0) : timeouts_.reply;
  Reply reply;
  while (true) {
    switch (reader_.next(reply)) {
      case ReplyReader::Outcome::kReply: return reply;
      case ReplyReader::Outcome::kMalformed:
        return fail(Error::Kind::kMalformed,
                    fmt::format("{} is no minikv server: {}", endpoint_.text(), reader_.problem()));
      case ReplyReader::Outcome::kNeedMore: break;
    }
    if (read_error_ || !socket_.is_open()) {
      const bool is_end = !read_error_ || read_error_ == asio::error::eof;
      return fail(Error::Kind::kLost, fmt::format("Connection to {} lost: {}.", endpoint_.text(),
                                                  is_end ? "the server closed it" : read_error_.message()));
    }
    input_arrived_ = false;
    if (!run_until(input_arrived_, timeout)) {
      return fail(Error::Kind::kTimeout,
                  fmt::format("No answer from {} for {}; the command may have been carried "
                              "out or not. More patience: --timeout SECONDS.",
                              endpoint_.text(), seconds(timeouts_.reply)));
    }
  }
}

void Connection::read_on() {
  socket_.async_read_some(asio::buffer(*input_), [this](std::error_code error, std::size_t size) {
    if (error == asio::error::operation_aborted) return;
    input_arrived_ = true;
    read_error_ = error;
    if (error) return;
    reader_.feed({input_->data(), size});
    read_on();
  });
}

bool Connection::run_until(const bool& done, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  io_.restart();
  while (!done) {
    if (timeout.count() == 0) {
      io_.run_one();
    } else if (io_.run_one_until(deadline) == 0) {
      return false;
    }
  }
  return true;
}

Error Connection::fail(Error::Kind kind, std::string message) {
  close();
  return {kind, std::move(message)};
}

}  // namespace minikv::client
