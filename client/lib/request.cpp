// Checks verb and words as far as the table of commands tells, and puts a request's bytes together.
#include "client/lib/request.h"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "protocol/command_table.h"
#include "protocol/number.h"
#include "protocol/quoting.h"

namespace minikv::client {
namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), protocol::to_lower);
  return lower;
}

// Whether the server takes the word for a verb of the text dialect. ('*' is RESP's first byte, and any byte
// that is not printable makes the server close the connection.)
bool can_be_verb(std::string_view verb) {
  return !verb.empty() && verb.front() != '*' && verb.front() != '"' &&
         std::ranges::all_of(verb, [](char c) { return protocol::is_printable(c) && c != ' '; });
}

Refusal unknown_verb(std::string_view verb) {
  Refusal refusal{"UNKNOWN", "no command "};
  protocol::append_quoted_if_needed(refusal.message, verb.substr(0, 60));
  refusal.message += "; see: help";
  return refusal;
}

bool takes_rest_of_line(const protocol::CommandSpec* spec) {
  return spec != nullptr && spec->text_form == protocol::TextForm::kRestOfLine;
}

// The server closes the connection at a line that ends so, because a browser may have been made to send it.
bool looks_like_http(const Word& word) {
  return protocol::equals_ignoring_case(std::string_view(word.bytes).substr(0, 5), "HTTP/");
}

Request new_request(std::string_view verb) {
  const protocol::CommandSpec* spec = protocol::find_text_command(verb);
  return {.verb = lower_case(verb),
          .may_take_long = spec != nullptr && (spec->flags & protocol::kFlagBlocking) != 0};
}

}  // namespace

std::variant<Request, Refusal> request_from_words(std::string_view verb,
                                                  std::span<const std::string> arguments) {
  if (!can_be_verb(verb)) return unknown_verb(verb);
  const protocol::CommandSpec* spec = protocol::find_text_command(verb);
  if (takes_rest_of_line(spec) && arguments.size() > spec->fixed_args + 1U) {
    return Refusal{"USAGE",
                   fmt::format("{}: too many words; put a value with spaces in quotes", spec->usage)};
  }
  Request request = new_request(verb);
  for (const std::string& argument : arguments) request.words.push_back({argument});
  if (request.verb == "set" && arguments.size() == 2) {
    request.bytes = "put ";
    append_word(request.bytes, request.words[0]);
    request.bytes += fmt::format(" {}\r\n", arguments[1].size());
    append_body(request, arguments[1]);
    return request;
  }
  request.bytes = verb;
  for (const Word& word : request.words) {
    request.bytes += ' ';
    append_word(request.bytes, looks_like_http(word) ? Word{word.bytes, true} : word);
  }
  request.bytes += "\r\n";
  return request;
}

std::variant<Request, Refusal> put_request(std::span<const std::string> key_and_options,
                                           std::string_view body) {
  if (key_and_options.empty()) return put_without_key();
  Request request = new_request("put");
  for (const std::string& word : key_and_options) request.words.push_back({word});
  request.bytes = "put ";
  append_word(request.bytes, request.words[0]);
  request.bytes += fmt::format(" {}", body.size());
  for (const Word& option : std::span(request.words).subspan(1)) {
    request.bytes += ' ';
    append_word(request.bytes, option);
  }
  request.bytes += "\r\n";
  append_body(request, body);
  return request;
}

Refusal put_without_key() { return {"USAGE", "put key [options] < file"}; }

std::variant<Request, Refusal> request_from_line(std::string_view line) {
  std::string_view rest = line;
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view verb = rest.substr(0, rest.find(' '));
  if (!can_be_verb(verb)) return unknown_verb(verb);

  Request request = new_request(verb);
  rest.remove_prefix(verb.size());
  while (std::optional<Word> word = take_word(rest)) request.words.push_back(*std::move(word));
  request.bytes = line;
  request.bytes += '\n';
  return request;
}

bool is_put(const Request& request) { return request.verb == "put"; }

std::optional<std::size_t> put_body_length(const Request& request) {
  if (!is_put(request) || request.words.size() < 2 || request.words[1].quoted) return std::nullopt;
  return protocol::parse_unsigned(request.words[1].bytes);
}

void append_body(Request& request, std::string_view body) {
  request.bytes += body;
  request.bytes += "\r\n";
}

}  // namespace minikv::client
