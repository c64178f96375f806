#include <utility>
#include <vector>

#include <fmt/format.h>

#include "client/modes.h"

namespace minikv::client {
namespace {

int report(const Presentation& shown, const Output& output) {
  std::FILE* where = shown.is_message ? output.err : output.out;
  std::fwrite(shown.text.data(), 1, shown.text.size(), where);
  return static_cast<int>(shown.verdict);
}

}  // namespace

std::string local_help(std::string_view verb, std::span<const Word> words) {
  if (verb != "help" || words.size() > 1) return {};
  return words.empty() ? help_overview() : help_for(words.front().bytes);
}

int run_one_shot(Connection& connection, std::span<const std::string> words, StreamInput& input,
                 const Output& output) {
  const std::string& verb = words.front();
  const std::span<const std::string> arguments = words.subspan(1);
  const std::variant<Request, Refusal> parsed =
      verb == "put" ? put_request(arguments, input.read_rest()) : request_from_words(verb, arguments);
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
