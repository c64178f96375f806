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

// The maxima of a server's max_value_bytes and max_line_bytes. The limits keep an endless source from filling
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
  // Reads the next `length` bytes, and the line end behind them, which is not returned. The refusal says what
  // is wrong with the input.
  virtual std::variant<std::string, Refusal> read_body(std::size_t length);
  // To be called after a refusal that loses the position in the input. False if the source can't find it
  // again.
  virtual bool start_over() = 0;
  // Adds a command to the history, if the source has one.
  virtual void remember(const std::string& /*line*/) {}
};

// Lines of a file descriptor, which is not closed. A last line without a line feed is a line; one in which
// reading fails is none. A non-blocking descriptor (O_NONBLOCK) is polled.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class StreamInput : public InputSource {
 public:
  // Prompts are written to `prompts`; without it there are none.
  explicit StreamInput(int fd, const Output* prompts = nullptr) : fd_(fd), prompts_(prompts) {}

  Line read_line(const char* prompt) override;
  std::variant<std::string, Refusal> read_body(std::size_t length) override;
  bool start_over() override { return false; }

  // True if read_line() would wait for the writer of the stream.
  bool would_block();
  // How many lines have been read, those of bodies included; so, the number of the last one.
  std::size_t lines_read() const { return lines_read_; }
  // All bytes that are left; more than kMaxValueBytes are refused.
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
  int error_ = 0;  // errno of a failed read; then ended_ is set too
};

// The request of the line. The body of a `put` is read from the input behind the line.
std::variant<Request, Refusal> read_request(std::string_view line, InputSource& input);

}  // namespace minikv::client
