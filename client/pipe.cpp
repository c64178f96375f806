// Mode 2: commands from a stream, sent ahead of their replies.
#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "client/modes.h"
#include "client/open_transaction.h"

namespace minikv::client {
namespace {

// How many requests may run ahead of their replies. When the input pauses, the client takes all replies.
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
    bool is_aborted;
  };

  bool handle(const std::string& line);
  bool refuse(std::size_t line, const Refusal& refusal);
  bool flush();
  bool take_replies();
  bool broken(const Error& error);
  bool show(std::size_t line, const Presentation& shown);
  void show_error(std::size_t line, std::string_view text);
  bool output_lost(std::size_t line);

  Connection& connection_;
  StreamInput& input_;
  const Output& output_;
  OpenTransaction transaction_;
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
      if (!output_.flush()) return output_lost(input_.lines_read()), kExitError;
    }
    const InputSource::Line line = input_.read_line(kPrompt);
    if (line.kind == InputSource::Line::Kind::kFailed) {
      if (take_replies()) show_error(input_.lines_read() + 1, error_line("", line.text));
      return kExitError;
    }
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
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return refuse(number, *refusal);
  auto& request = std::get<Request>(parsed);
  if (request.verb == "quit" || request.verb == "exit") return false;
  if (const std::string help = local_help(request.verb, request.words); !help.empty()) {
    return take_replies() && show(number, {help});
  }
  const bool is_aborted = transaction_.replace(request);
  unsent_ += request.bytes;
  request.bytes.clear();
  outstanding_.push_back({number, std::move(request), is_aborted});
  return unsent_.size() < kSendBytes || flush();
}

bool Pipe::refuse(std::size_t line, const Refusal& refusal) {
  if (!take_replies()) return false;
  transaction_.refuse();
  show(line, {error_line(refusal.code, refusal.message), Verdict::kFailed, true});
  if (!refusal.loses_place || input_.start_over()) return true;
  show_error(line, kPlaceLost);
  return false;
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
    const auto present_it = first.is_aborted ? present_aborted : present;
    if (!show(first.line, present_it(first.request, std::get<Reply>(answer), output_.style))) return false;
    outstanding_.pop_front();
  }
  return true;
}

bool Pipe::broken(const Error& error) {
  output_.flush();
  const std::size_t first = outstanding_.empty() ? input_.lines_read() : outstanding_.front().line;
  fmt::print(output_.err, "line {}: Error: {} Commands from this line on may have been carried out or not.\n",
             first, error.message);
  outstanding_.clear();
  worst_ = Verdict::kFailed;
  return false;
}

// False if the result can't be written: then no more lines are read, and no more replies are taken.
bool Pipe::show(std::size_t line, const Presentation& shown) {
  worst_ = std::max(worst_, shown.verdict);
  if (!shown.is_message || shown.verdict != Verdict::kFailed) {
    if (!output_.write(shown.text)) return output_lost(line);
    if (shown.note.empty()) return true;
    output_.flush();
    fmt::print(output_.err, "line {}: {}", line, shown.note);
    return true;
  }
  show_error(line, shown.text);
  return true;
}

void Pipe::show_error(std::size_t line, std::string_view text) {
  worst_ = Verdict::kFailed;
  output_.flush();
  fmt::print(output_.err, "line {}: {}", line, text);
}

// The server carries out what has been sent. The rest is not sent, as its results could not be written.
bool Pipe::output_lost(std::size_t line) {
  outstanding_.clear();
  show_error(
      line,
      fmt::format("Results are lost from here on. Commands up to line {} may have been carried out; those "
                  "behind it were not read.\n",
                  input_.lines_read()));
  return false;
}

}  // namespace

int run_pipe(Connection& connection, StreamInput& input, const Output& output) {
  return Pipe(connection, input, output).run();
}

}  // namespace minikv::client
