// Requests as bytes of the text dialect: from words that a shell has split, or from a line that a person has
// typed.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/lib/words.h"

namespace minikv::client {

struct Request {
  std::string verb;         // in lower case
  std::vector<Word> words;  // the arguments, as far as the client can split them; for showing the reply
  std::string bytes;        // what is sent
  bool may_take_long = false;
};

// Why there is no request.
struct Refusal {
  std::string code;  // as the server's: UNKNOWN, USAGE; empty: it has none
  std::string message;
  bool loses_place =
      false;  // what follows in the input may be the rest of a value, and must not be taken for commands
};

// Every argument arrives exactly, whatever bytes are in it. `set` is sent as `put`, so that its value may be
// of any length. Verbs that the client does not know are sent with their arguments as they are.
std::variant<Request, Refusal> request_from_words(std::string_view verb,
                                                  std::span<const std::string> arguments);

// `put key [options]`, with the length counted here.
std::variant<Request, Refusal> put_request(std::span<const std::string> key_and_options,
                                           std::string_view body);
Refusal put_without_key();

// The line (without its line feed) is sent as it is, and the server parses it. Only a line that the server
// would not take for the text dialect is refused. The body of a `put` is not in the line: see
// put_body_length().
std::variant<Request, Refusal> request_from_line(std::string_view line);

bool is_put(const Request& request);
// How many bytes of body must follow the line of a `put`; nothing if the line does not say.
std::optional<std::size_t> put_body_length(const Request& request);
void append_body(Request& request, std::string_view body);

}  // namespace minikv::client
