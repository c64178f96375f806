// A blocking connection that speaks the text dialect.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace minikv::test {

// Thread safety: one thread.
class Line {
 public:
  // Connects to 127.0.0.1; send() says whether that went well.
  explicit Line(std::uint16_t port);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  bool send(std::string_view bytes);
  // Without its line end; nothing when the server is gone.
  std::optional<std::string> line();
  // send(), then line().
  std::optional<std::string> ask(const std::string& request);

 private:
  int socket_;
  bool open_ = false;
  std::string buffer_;
};

}  // namespace minikv::test
