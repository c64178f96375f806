// Where command lines come from: a person at a terminal, or a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/lib/request.h"

namespace minikv::client {

constexpr const char* kPrompt = "> ";
constexpr const char* kBodyPrompt = "| ";

class InputSource {
 public:
  struct Line {
    enum class Kind : std::uint8_t { kLine, kEnd, kCancelled };
    Kind kind = Kind::kEnd;
    std::string text;  // without its line feed
  };

  virtual ~InputSource() = default;
  virtual Line read_line(const char* prompt) = 0;
  // The line was a command that may be offered again.
  virtual void remember(const std::string& /*line*/) {}
};

// Lines of a file descriptor, which is not closed. A last line without a line feed is a line.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class StreamInput : public InputSource {
 public:
  // Prompts are written to `prompts`; without it there are none.
  explicit StreamInput(int fd, std::FILE* prompts = nullptr) : fd_(fd), prompts_(prompts) {}

  Line read_line(const char* prompt) override;

  // True if read_line() would wait for whoever writes the stream.
  bool would_block();
  // How many lines read_line() has given; so, the number of the last one.
  std::size_t lines_read() const { return lines_read_; }
  // All that is left.
  std::string read_rest();

 private:
  bool fill();

  int fd_;
  std::FILE* prompts_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t scanned_ = 0;  // no line feed between at_ and here
  std::size_t lines_read_ = 0;
  bool ended_ = false;
};

// The request of the line, with its body, which follows in the lines behind, if it is a `put`.
std::variant<Request, Refusal> read_request(std::string_view line, InputSource& input);

}  // namespace minikv::client
