#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "client/modes.h"

namespace minikv::client {
namespace {

// How far requests run ahead of their replies. When the input pauses, all replies are taken, whatever is waiting.
constexpr std::size_t kMaxOutstanding = 256;
constexpr std::size_t kSendBytes = 64 * 1024;

class Pipe {
 public:
  Pipe(Connection& connection, StreamInput& input, const Output& output)
      : connection_(connection), input_(input), output_(output) {}

  int run();

 private:
  struct Outstanding {
    std::size_t line;
    Request request;
  };

  bool handle(const std::string& line);
  bool flush();
  bool take_replies();
  bool broken(const Error& error);
  void show(std::size_t line, const Presentation& shown);

  Connection& connection_;
  StreamInput& input_;
  const Output& output_;
  std::deque<Outstanding> outstanding_;
  std::string unsent_;
  Verdict worst_ = Verdict::kOk;
};

int Pipe::run() {
  if (const std::optional<Error> error = connection_.connect()) {
    fmt::print(output_.err, "Error: {}\n", error->message);
    return kExitCannotConnect;
  }
  while (true) {
    if (outstanding_.size() >= kMaxOutstanding || input_.would_block()) {
      if (!take_replies()) return kExitError;
      std::fflush(output_.out);
    }
    const InputSource::Line line = input_.read_line(kPrompt);
    if (line.kind != InputSource::Line::Kind::kLine) break;
    if (line.text.find_first_not_of(" \r") == std::string::npos) continue;
    if (!handle(line.text)) break;
  }
  return take_replies() ? static_cast<int>(worst_) : kExitError;
}

// False if no more lines are to be read.
bool Pipe::handle(const std::string& line) {
  const std::size_t number = input_.lines_read();
  std::variant<Request, Refusal> parsed = read_request(line, input_);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    if (!take_replies()) return false;
    show(number, {error_line(refusal->code, refusal->message), Verdict::kFailed, true});
    return true;
  }
  auto& request = std::get<Request>(parsed);
  if (request.verb == "quit" || request.verb == "exit") return false;
  if (const std::string help = local_help(request.verb, request.words); !help.empty()) {
    if (!take_replies()) return false;
    show(number, {help});
    return true;
  }
  unsent_ += request.bytes;
  request.bytes.clear();
  outstanding_.push_back({number, std::move(request)});
  return unsent_.size() < kSendBytes || flush();
}

bool Pipe::flush() {
  const std::optional<Error> error = connection_.send(std::exchange(unsent_, {}));
  return !error || broken(*error);
}

bool Pipe::take_replies() {
  if (!flush()) return false;
  while (!outstanding_.empty()) {
    const Outstanding& first = outstanding_.front();
    const auto patience =
        first.request.may_take_long ? Connection::Patience::kUnlimited : Connection::Patience::kUsual;
    const std::variant<Reply, Error> answer = connection_.receive(patience);
    if (const auto* error = std::get_if<Error>(&answer)) return broken(*error);
    show(first.line, present(first.request, std::get<Reply>(answer), output_.style));
    outstanding_.pop_front();
  }
  return true;
}

bool Pipe::broken(const Error& error) {
  std::fflush(output_.out);
  const std::size_t first = outstanding_.empty() ? input_.lines_read() : outstanding_.front().line;
  fmt::print(output_.err, "line {}: Error: {} Commands from this line on may have been carried out or not.\n",
             first, error.message);
  outstanding_.clear();
  worst_ = Verdict::kFailed;
  return false;
}

void Pipe::show(std::size_t line, const Presentation& shown) {
  worst_ = std::max(worst_, shown.verdict);
  if (shown.is_message && shown.verdict == Verdict::kFailed) {
    std::fflush(output_.out);
    fmt::print(output_.err, "line {}: {}", line, shown.text);
    return;
  }
  std::fwrite(shown.text.data(), 1, shown.text.size(), output_.out);
}

}  // namespace

int run_pipe(Connection& connection, StreamInput& input, const Output& output) {
  return Pipe(connection, input, output).run();
}

}  // namespace minikv::client
