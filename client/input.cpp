#include "client/input.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace minikv::client {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
// Above any server's limit; a number that was mistyped must not make us gather lines for ever.
constexpr std::size_t kMaxValueBytes = 1U << 30;

// The `length` bytes that follow, and the line end behind them.
std::variant<std::string, Refusal> read_body(std::size_t length, InputSource& input) {
  std::string body;
  while (true) {
    InputSource::Line line = input.read_line(kBodyPrompt);
    if (line.kind != InputSource::Line::Kind::kLine) {
      return Refusal{"USAGE", fmt::format("the value ended after {} of {} bytes; nothing was stored",
                                          body.size(), length)};
    }
    body += line.text;
    if (body.size() >= length) break;
    body += '\n';
  }
  if (body.size() == length + 1 && body.back() == '\r') body.pop_back();
  if (body.size() == length) return body;
  return Refusal{"USAGE", fmt::format("the value does not end after {} bytes; nothing was stored", length)};
}

}  // namespace

InputSource::Line StreamInput::read_line(const char* prompt) {
  if (prompts_ != nullptr) {
    std::fputs(prompt, prompts_);
    std::fflush(prompts_);
  }
  while (true) {
    const std::size_t end = buffer_.find('\n', std::max(at_, scanned_));
    if (end != std::string::npos || ended_) {
      if (end == std::string::npos && at_ == buffer_.size()) return {};
      Line line{Line::Kind::kLine, buffer_.substr(at_, std::min(end, buffer_.size()) - at_)};
      at_ = std::min(end, buffer_.size() - 1) + 1;
      ++lines_read_;
      return line;
    }
    scanned_ = buffer_.size();
    ended_ = !fill();
  }
}

bool StreamInput::would_block() {
  while (!ended_ && buffer_.find('\n', std::max(at_, scanned_)) == std::string::npos) {
    scanned_ = buffer_.size();
    pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 0) <= 0) return true;
    ended_ = !fill();
  }
  return false;
}

std::string StreamInput::read_rest() {
  while (fill()) {
  }
  ended_ = true;
  std::string rest = buffer_.substr(at_);
  at_ = buffer_.size();
  return rest;
}

// Reads what there is; false at the end.
bool StreamInput::fill() {
  if (at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
    scanned_ -= std::min(at_, scanned_);
    at_ = 0;
  }
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  ssize_t got = 0;
  do {
    got = read(fd_, buffer_.data() + size, kReadBytes);
  } while (got < 0 && errno == EINTR);
  buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

std::variant<Request, Refusal> read_request(std::string_view line, InputSource& input) {
  std::variant<Request, Refusal> parsed = request_from_line(line);
  Request* request = std::get_if<Request>(&parsed);
  if (request == nullptr) return parsed;
  const std::optional<std::size_t> length = put_body_length(*request);
  if (!length) return parsed;
  if (*length > kMaxValueBytes) return Refusal{"TOOLONG", fmt::format("no value can have {} bytes", *length)};

  std::variant<std::string, Refusal> body = read_body(*length, input);
  if (Refusal* refusal = std::get_if<Refusal>(&body)) return std::move(*refusal);
  append_body(*request, std::get<std::string>(body));
  return parsed;
}

}  // namespace minikv::client
