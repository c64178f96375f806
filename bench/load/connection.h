// One client of the load generator: sends batches of requests, and says of each when it was answered.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace minikv::bench {

using Clock = std::chrono::steady_clock;

enum class Verb : std::uint8_t { kGet, kSet };
enum class Answer : std::uint8_t { kOk, kMiss, kError };

// Finds the ends of replies in the bytes of a stream: simple strings, errors, integers and bulk strings, as
// GET and SET answer.
//
// Thread safety: not thread-safe.
class ReplyScanner {
 public:
  // Takes `bytes` and calls `on_reply(Answer, first line)` at each end. Throws std::runtime_error where there
  // is no such reply.
  template <typename OnReply>
  void take(std::string_view bytes, OnReply on_reply) {
    while (!bytes.empty()) {
      if (body_left_ > 0) {
        const std::size_t part = bytes.size() < body_left_ ? bytes.size() : body_left_;
        body_left_ -= part;
        bytes.remove_prefix(part);
        if (body_left_ == 0) on_reply(Answer::kOk, std::string_view());
        continue;
      }
      const std::size_t end = bytes.find('\n');
      line_.append(bytes.substr(0, end));
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      if (body_of_line() == 0) on_reply(answer_of_line(), std::string_view(line_));
      line_.clear();
    }
  }

 private:
  std::size_t body_of_line();
  Answer answer_of_line() const;

  std::string line_;
  std::size_t body_left_ = 0;  // of a bulk string, with its line end
};

// A non-blocking connection to 127.0.0.1.
//
// Thread safety: not thread-safe.
class Connection {
 public:
  struct Request {
    Verb verb = Verb::kGet;
    Clock::time_point due;
  };

  // Throws std::system_error.
  explicit Connection(int port);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  std::size_t in_flight() const { return in_flight_.size(); }
  bool has_output() const { return sent_ < output_.size(); }

  void add(Verb verb, std::uint64_t key, std::string_view value, Clock::time_point due);
  // Sends as much as the socket takes. Throws std::system_error.
  void send();
  // Reads what has arrived and calls `on_answer(Request, Answer, first line)` for each reply. Throws
  // std::system_error, and std::runtime_error where the server has closed the connection.
  template <typename OnAnswer>
  void receive(OnAnswer on_answer) {
    std::string_view bytes;
    while (!(bytes = read_some()).empty()) {
      scanner_.take(bytes,
                    [&](Answer answer, std::string_view line) { on_answer(take_request(), answer, line); });
    }
  }

 private:
  std::string_view read_some();
  Request take_request();

  int fd_ = -1;
  std::string output_;
  std::size_t sent_ = 0;
  std::string input_;
  bool may_have_more_ = true;  // the last read has filled the buffer
  ReplyScanner scanner_;
  std::deque<Request> in_flight_;
};

}  // namespace minikv::bench
