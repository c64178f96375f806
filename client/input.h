// Where command lines come from: a person at a terminal, or a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/lib/request.h"
#include "client/output.h"

namespace minikv::client {

constexpr const char* kPrompt = "> ";
constexpr const char* kBodyPrompt = "| ";

// As much as any server's max_value_bytes and max_line_bytes may be. A source without an end must not fill
// the memory.
constexpr std::size_t kMaxValueBytes = std::size_t{512} << 20;
constexpr std::size_t kMaxInputLineBytes = std::size_t{64} << 20;

class InputSource {
 public:
  struct Line {
    enum class Kind : std::uint8_t {
      kLine,
      kEnd,
      kCancelled,
      kFailed,  // nothing more can be read, though it is not the end: text says why
    };
    Kind kind = Kind::kEnd;
    std::string text;  // without its line feed
  };

  virtual ~InputSource() = default;
  virtual Line read_line(const char* prompt) = 0;
  // The `length` bytes that come next, and the line end behind them. The refusal says what is wrong with
  // them.
  virtual std::variant<std::string, Refusal> read_body(std::size_t length);
  // After a refusal that loses the place in the input. False if there is no way to find it again.
  virtual bool start_over() = 0;
  // The line was a command that may be offered again.
  virtual void remember(const std::string& /*line*/) {}
};

// Lines of a file descriptor, which is not closed. A last line without a line feed is a line; one in which
// reading fails is none. A descriptor that does not wait (O_NONBLOCK) is waited for.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class StreamInput : public InputSource {
 public:
  // Prompts are written to `prompts`; without it there are none.
  explicit StreamInput(int fd, const Output* prompts = nullptr) : fd_(fd), prompts_(prompts) {}

  Line read_line(const char* prompt) override;
  std::variant<std::string, Refusal> read_body(std::size_t length) override;
  bool start_over() override { return false; }

  // True if read_line() would wait for whoever writes the stream.
  bool would_block();
  // How many lines have been given; so, the number of the last one.
  std::size_t lines_read() const { return lines_read_; }
  // All that is left, up to kMaxValueBytes.
  std::variant<std::string, Refusal> read_rest();

 private:
  std::size_t left() const { return buffer_.size() - at_; }
  bool fill();
  bool fill_to(std::size_t bytes);
  std::optional<std::size_t> line_end_behind(std::size_t bytes);
  std::string why_it_failed() const;

  int fd_;
  const Output* prompts_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t scanned_ = 0;  // no line feed between at_ and here
  std::size_t lines_read_ = 0;
  bool ended_ = false;
  int error_ = 0;  // with which reading has failed; then ended_ is set too
};

// The request of the line, with its body, which follows in the lines behind, if it is a `put`.
std::variant<Request, Refusal> read_request(std::string_view line, InputSource& input);

}  // namespace minikv::client
