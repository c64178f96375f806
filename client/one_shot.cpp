// Mode 1: one command from the arguments; its verdict is the exit code.
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "client/modes.h"

namespace minikv::client {
namespace {

int report(const Presentation& shown, const Output& output) {
  if (shown.is_message) {
    fmt::print(output.err, "{}", shown.text);
  } else if (!output.write(shown.text)) {
    return kExitError;
  }
  fmt::print(output.err, "{}", shown.note);
  return static_cast<int>(shown.verdict);
}

std::variant<Request, Refusal> make_request(std::span<const std::string> words, StreamInput& input) {
  const std::string& verb = words.front();
  const std::span<const std::string> arguments = words.subspan(1);
  if (verb != "put") return request_from_words(verb, arguments);
  if (arguments.empty()) return put_without_key();
  std::variant<std::string, Refusal> value = input.read_rest();
  if (auto* refusal = std::get_if<Refusal>(&value)) return std::move(*refusal);
  return put_request(arguments, std::get<std::string>(value));
}

}  // namespace

std::string local_help(std::string_view verb, std::span<const Word> words) {
  if (verb != "help" || words.size() > 1) return {};
  return words.empty() ? help_overview() : help_for(words.front().bytes);
}

int run_one_shot(Connection& connection, std::span<const std::string> words, StreamInput& input,
                 const Output& output) {
  const std::variant<Request, Refusal> parsed = make_request(words, input);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    return report({error_line(refusal->code, refusal->message), Verdict::kFailed, true}, output);
  }
  const auto& request = std::get<Request>(parsed);
  if (const std::string help = local_help(request.verb, request.words); !help.empty()) {
    return report({help}, output);
  }

  if (const std::optional<Error> error = connection.connect()) {
    fmt::print(output.err, "Error: {}\n", error->message);
    return kExitCannotConnect;
  }
  std::optional<Error> error = connection.send(request.bytes);
  if (!error) {
    const auto patience =
        request.may_take_long ? Connection::Patience::kUnlimited : Connection::Patience::kUsual;
    std::variant<Reply, Error> answer = connection.receive(patience);
    if (const auto* reply = std::get_if<Reply>(&answer)) {
      return report(present(request, *reply, output.style), output);
    }
    error = std::get<Error>(std::move(answer));
  }
  fmt::print(output.err, "Error: {}\n", error->message);
  return kExitError;
}

}  // namespace minikv::client
