// The upper bound for a server on Asio: a server that answers each read with the same 100 bytes and does
// nothing else.
//
//     constant_server PORT_FILE        writes its port to the file, and serves until it is killed

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

namespace {

using asio::ip::tcp;

const std::string kReply = "$100\r\n" + std::string(100, 'x') + "\r\n";

// A client that does not pipeline: each read is one request.
class Client : public std::enable_shared_from_this<Client> {
 public:
  explicit Client(tcp::socket socket) : socket_(std::move(socket)) {}

  void read() {
    socket_.async_read_some(asio::buffer(input_),
                            [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                              if (!error) self->answer();
                            });
  }

 private:
  void answer() {
    asio::async_write(socket_, asio::buffer(kReply),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  tcp::socket socket_;
  std::array<char, 4096> input_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](const asio::error_code& error, tcp::socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true));
      std::make_shared<Client>(std::move(socket))->read();
    }
    accept(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: constant_server PORT_FILE\n", stderr);
    return 2;
  }
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  std::ofstream(argv[1]) << acceptor.local_endpoint().port() << '\n';
  accept(acceptor);
  io.run();
}
