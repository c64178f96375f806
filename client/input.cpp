// Reads lines and bodies from a stream through a buffer, and makes requests of them.
#include "client/input.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace minikv::client {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

Refusal ended_early(std::size_t got, std::size_t length) {
  return {"USAGE", fmt::format("the value ended after {} of {} bytes; nothing was stored", got, length),
          true};
}

Refusal without_line_end(std::size_t length) {
  return {"USAGE", fmt::format("the value does not end after {} bytes; nothing was stored", length), true};
}

void wait_for_input(int fd) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  poll(&ready, 1, -1);
}

}  // namespace

std::variant<std::string, Refusal> InputSource::read_body(std::size_t length) {
  std::string body;
  while (true) {
    Line line = read_line(kBodyPrompt);
    if (line.kind == Line::Kind::kFailed) return Refusal{"", line.text + "; nothing was stored", true};
    if (line.kind != Line::Kind::kLine) return ended_early(body.size(), length);
    body += line.text;
    if (body.size() >= length) break;
    body += '\n';
  }
  if (body.size() == length + 1 && body.back() == '\r') body.pop_back();
  if (body.size() == length) return body;
  return without_line_end(length);
}

InputSource::Line StreamInput::read_line(const char* prompt) {
  if (prompts_ != nullptr) {
    prompts_->write(prompt);
    prompts_->flush();
  }
  while (true) {
    const std::size_t end = buffer_.find('\n', std::max(at_, scanned_));
    if (end != std::string::npos || (ended_ && error_ == 0)) {
      if (end == std::string::npos && left() == 0) return {};
      Line line{Line::Kind::kLine, buffer_.substr(at_, std::min(end, buffer_.size()) - at_)};
      at_ = std::min(end, buffer_.size() - 1) + 1;
      ++lines_read_;
      return line;
    }
    if (ended_) return {Line::Kind::kFailed, why_it_failed()};
    if (left() > kMaxInputLineBytes) {
      return {Line::Kind::kFailed, fmt::format("a line is longer than {} bytes", kMaxInputLineBytes)};
    }
    scanned_ = buffer_.size();
    ended_ = !fill();
  }
}

std::variant<std::string, Refusal> StreamInput::read_body(std::size_t length) {
  if (!fill_to(length)) {
    if (error_ != 0) return Refusal{"", why_it_failed() + "; nothing was stored", true};
    return ended_early(left(), length);
  }
  const std::optional<std::size_t> line_end = line_end_behind(length);
  if (!line_end) {
    if (error_ != 0) return Refusal{"", why_it_failed() + "; nothing was stored", true};
    return without_line_end(length);
  }
  std::string body = buffer_.substr(at_, length);
  at_ += length + *line_end;
  lines_read_ += static_cast<std::size_t>(std::ranges::count(body, '\n')) + 1;
  return body;
}

// The length of the line end behind so many bytes; 0 at the end of the stream. Nothing if other bytes stand
// there.
std::optional<std::size_t> StreamInput::line_end_behind(std::size_t bytes) {
  if (!fill_to(bytes + 1)) return error_ == 0 ? std::optional<std::size_t>(0) : std::nullopt;
  if (buffer_[at_ + bytes] == '\n') return 1;
  if (buffer_[at_ + bytes] != '\r') return std::nullopt;
  if (!fill_to(bytes + 2)) return error_ == 0 ? std::optional<std::size_t>(1) : std::nullopt;
  return buffer_[at_ + bytes + 1] == '\n' ? std::optional<std::size_t>(2) : std::nullopt;
}

bool StreamInput::would_block() {
  while (!ended_ && buffer_.find('\n', std::max(at_, scanned_)) == std::string::npos) {
    scanned_ = buffer_.size();
    pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
    if (left() > kMaxInputLineBytes || poll(&ready, 1, 0) <= 0) return true;
    ended_ = !fill();
  }
  return false;
}

std::variant<std::string, Refusal> StreamInput::read_rest() {
  if (fill_to(kMaxValueBytes + 1)) {
    return Refusal{"TOOLONG",
                   fmt::format("no value can have more than {} bytes; nothing was stored", kMaxValueBytes)};
  }
  if (error_ != 0) return Refusal{"", why_it_failed() + "; nothing was stored"};
  std::string rest = buffer_.substr(at_);
  at_ = buffer_.size();
  return rest;
}

// Reads until so many bytes are buffered; false if the stream has fewer.
bool StreamInput::fill_to(std::size_t bytes) {
  while (left() < bytes && !ended_) ended_ = !fill();
  return left() >= bytes;
}

// Reads what there is; false at the end, and where reading fails.
bool StreamInput::fill() {
  if (at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
    scanned_ -= std::min(at_, scanned_);
    at_ = 0;
  }
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  ssize_t got = -1;
  while (true) {
    got = read(fd_, buffer_.data() + size, kReadBytes);
    if (got >= 0 || (errno != EINTR && errno != EAGAIN)) break;
    if (errno == EAGAIN) wait_for_input(fd_);
  }
  if (got < 0) error_ = errno;
  buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

std::string StreamInput::why_it_failed() const {
  return fmt::format("standard input can't be read: {}", std::generic_category().message(error_));
}

std::variant<Request, Refusal> read_request(std::string_view line, InputSource& input) {
  std::variant<Request, Refusal> parsed = request_from_line(line);
  Request* request = std::get_if<Request>(&parsed);
  if (request == nullptr || !is_put(*request)) return parsed;
  const std::optional<std::size_t> length = put_body_length(*request);
  if (!length) {
    return Refusal{"USAGE", "put key length [options]: the length is a number of bytes; nothing was stored",
                   true};
  }
  if (*length > kMaxValueBytes) {
    return Refusal{"TOOLONG", fmt::format("no value can have {} bytes; nothing was stored", *length), true};
  }
  std::variant<std::string, Refusal> body = input.read_body(*length);
  if (Refusal* refusal = std::get_if<Refusal>(&body)) return std::move(*refusal);
  append_body(*request, std::get<std::string>(body));
  return parsed;
}

}  // namespace minikv::client
