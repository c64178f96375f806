// Mode 3: a conversation, which connects again when the server has gone.
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "client/modes.h"
#include "client/open_transaction.h"
#include "protocol/ascii.h"

namespace minikv::client {
namespace {

constexpr std::string_view kBlanks = " \t";

// A line that may hold a password is not kept in the history.
bool may_hold_password(std::string_view line) {
  std::string lower(line.substr(std::min(line.find_first_not_of(kBlanks), line.size())));
  std::ranges::transform(lower, lower.begin(), protocol::to_lower);
  const auto has = [&](std::string_view word) { return lower.find(word) != std::string::npos; };
  return lower.starts_with("auth") || (lower.starts_with("hello") && has("auth")) || has("requirepass") ||
         has("masterauth") || has("setuser");
}

class Repl {
 public:
  Repl(Connection& connection, InputSource& input, const Output& output)
      : connection_(connection), input_(input), output_(output) {}

  int run();

 private:
  void handle(const std::string& line);
  void refuse(const std::string& line, const Refusal& refusal);
  void answer(Request request);
  bool connect_again();
  void print(std::string_view text);
  int leave(int exit_code);

  Connection& connection_;
  InputSource& input_;
  const Output& output_;
  OpenTransaction transaction_;
  bool is_lost_with_connection_ = false;  // a transaction, or what is watched for one
  std::optional<int> exit_code_;          // once it is time to leave
};

int Repl::run() {
  if (const std::optional<Error> error = connection_.connect()) {
    fmt::print(output_.err, "Error: {}\n", error->message);
    return kExitCannotConnect;
  }
  while (!exit_code_) {
    const InputSource::Line line = input_.read_line(kPrompt);
    if (line.kind == InputSource::Line::Kind::kEnd) {
      print("\n");
      return leave(kExitOk);
    }
    if (line.kind == InputSource::Line::Kind::kFailed) {
      print(error_line("", line.text));
      return leave(kExitError);
    }
    const bool is_blank = line.text.find_first_not_of(" \r") == std::string::npos;
    if (line.kind == InputSource::Line::Kind::kLine && !is_blank) handle(line.text);
  }
  return *exit_code_;
}

int Repl::leave(int exit_code) {
  if (!exit_code_) exit_code_ = exit_code;
  return *exit_code_;
}

void Repl::handle(const std::string& line) {
  std::variant<Request, Refusal> parsed = read_request(line, input_);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return refuse(line, *refusal);
  auto& request = std::get<Request>(parsed);
  if (!may_hold_password(line)) input_.remember(line);
  if (request.verb == "quit" || request.verb == "exit") {
    leave(kExitOk);
  } else if (const std::string help = local_help(request.verb, request.words); !help.empty()) {
    print(help);
  } else {
    answer(std::move(request));
  }
}

void Repl::refuse(const std::string& line, const Refusal& refusal) {
  if (!may_hold_password(line)) input_.remember(line);
  transaction_.refuse();
  print(error_line(refusal.code, refusal.message));
  if (!refusal.loses_place || input_.start_over()) return;
  print(kPlaceLost);
  leave(kExitError);
}

void Repl::answer(Request request) {
  if (!connection_.is_alive() && !connect_again()) return;
  if (request.verb == "multi" || request.verb == "watch") is_lost_with_connection_ = true;
  if (request.verb == "exec" || request.verb == "discard") is_lost_with_connection_ = false;
  const bool is_aborted = transaction_.replace(request);

  std::optional<Error> error = connection_.send(request.bytes);
  if (!error) {
    const auto patience =
        request.may_take_long ? Connection::Patience::kUnlimited : Connection::Patience::kUsual;
    std::variant<Reply, Error> reply = connection_.receive(patience);
    if (const auto* got = std::get_if<Reply>(&reply)) {
      const auto show = is_aborted ? present_aborted : present;
      print(show(request, *got, output_.style).text);
      return;
    }
    error = std::get<Error>(std::move(reply));
  }
  print(fmt::format("Error: {}\n", error->message));
}

// True if the command may be sent now. A transaction does not survive its connection: a command that was
// meant to be part of it must not be carried out alone.
bool Repl::connect_again() {
  transaction_.forget();
  if (const std::optional<Error> error = connection_.connect()) {
    print(fmt::format("Error: {}\n", error->message));
    return false;
  }
  print(fmt::format("The connection was lost; connected to {} again.\n", connection_.endpoint().text()));
  if (!std::exchange(is_lost_with_connection_, false)) return true;
  print("Error: the transaction was lost with it; this command was not sent.\n");
  return false;
}

void Repl::print(std::string_view text) {
  if (!output_.write(text) || !output_.flush()) leave(kExitError);
}

}  // namespace

int run_repl(Connection& connection, InputSource& input, const Output& output) {
  return Repl(connection, input, output).run();
}

}  // namespace minikv::client
