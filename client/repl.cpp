#include <optional>
#include <utility>

#include <fmt/format.h>

#include "client/modes.h"

namespace minikv::client {
namespace {

class Repl {
 public:
  Repl(Connection& connection, InputSource& input, const Output& output)
      : connection_(connection), input_(input), output_(output) {}

  int run();

 private:
  void handle(const std::string& line);
  void answer(const Request& request);
  bool connect_again();
  void print(std::string_view text);

  Connection& connection_;
  InputSource& input_;
  const Output& output_;
  bool in_transaction_ = false;
  bool leaving_ = false;
};

int Repl::run() {
  if (const std::optional<Error> error = connection_.connect()) {
    fmt::print(output_.err, "Error: {}\n", error->message);
    return kExitCannotConnect;
  }
  while (!leaving_) {
    const InputSource::Line line = input_.read_line(kPrompt);
    if (line.kind == InputSource::Line::Kind::kEnd) {
      print("\n");
      break;
    }
    const bool is_blank = line.text.find_first_not_of(" \r") == std::string::npos;
    if (line.kind == InputSource::Line::Kind::kLine && !is_blank) handle(line.text);
  }
  return kExitOk;
}

void Repl::handle(const std::string& line) {
  const std::variant<Request, Refusal> parsed = read_request(line, input_);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    input_.remember(line);
    print(error_line(refusal->code, refusal->message));
    return;
  }
  const auto& request = std::get<Request>(parsed);
  if (request.verb != "auth") input_.remember(line);  // a password is not to be kept
  if (request.verb == "quit" || request.verb == "exit") {
    leaving_ = true;
  } else if (const std::string help = local_help(request.verb, request.words); !help.empty()) {
    print(help);
  } else {
    answer(request);
  }
}

void Repl::answer(const Request& request) {
  if (!connection_.is_alive() && !connect_again()) return;
  if (request.verb == "multi" || request.verb == "watch") in_transaction_ = true;
  if (request.verb == "exec" || request.verb == "discard") in_transaction_ = false;

  std::optional<Error> error = connection_.send(request.bytes);
  if (!error) {
    const auto patience =
        request.may_take_long ? Connection::Patience::kUnlimited : Connection::Patience::kUsual;
    std::variant<Reply, Error> reply = connection_.receive(patience);
    if (const auto* got = std::get_if<Reply>(&reply)) {
      print(present(request, *got, output_.style).text);
      return;
    }
    error = std::get<Error>(std::move(reply));
  }
  print(fmt::format("Error: {}\n", error->message));
}

// True if the command may be sent now. A transaction does not survive its connection: what was meant to be part of it
// must not be carried out alone.
bool Repl::connect_again() {
  if (const std::optional<Error> error = connection_.connect()) {
    print(fmt::format("Error: {}\n", error->message));
    return false;
  }
  print(fmt::format("The connection was lost; connected to {} again.\n", connection_.endpoint().text()));
  if (!std::exchange(in_transaction_, false)) return true;
  print("Error: the transaction was lost with it; this command was not sent.\n");
  return false;
}

void Repl::print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), output_.out);
  std::fflush(output_.out);
}

}  // namespace

int run_repl(Connection& connection, InputSource& input, const Output& output) {
  return Repl(connection, input, output).run();
}

}  // namespace minikv::client
