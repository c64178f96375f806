// Chooses the dialect by a request's first byte, and hands the input to the parser of that dialect.
#include "protocol/parser.h"

#include <utility>

#include "protocol/ascii.h"
#include "protocol/resp_quick.h"

namespace minikv::protocol {
namespace {

// Arguments kept allocated from one request to the next.
constexpr std::size_t kKeptArgs = 1024;

// CR LF and LF between requests.
std::size_t leading_line_ends(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size()) {
    if (input[at] == '\n') {
      at += 1;
    } else if (input.substr(at, 2) == "\r\n") {
      at += 2;
    } else {
      break;
    }
  }
  return at;
}

}  // namespace

ParseResult RequestParser::next(std::string_view input) {
  forget_request();
  if (under_ == Under::kNothing) {
    const std::size_t quick = parse_resp_quickly(input, limits_, request_);
    if (quick > 0) return {ParseOutcome::kRequest, quick, Dialect::kResp, {}};
  }
  std::size_t consumed = 0;
  for (;;) {
    ParseResult result = under_ == Under::kNothing ? begin(input) : go_on(input);
    consumed += result.consumed;
    input.remove_prefix(result.consumed);
    // Bytes that were ignored or skipped are no reason to stop.
    const bool look_on = result.outcome == ParseOutcome::kNeedMore && result.consumed > 0 && !input.empty();
    if (look_on) continue;
    result.consumed = consumed;
    return result;
  }
}

void RequestParser::forget_request() {
  request_.command = nullptr;
  request_.verb = request_.subcommand = {};
  if (request_.args.capacity() > kKeptArgs) std::vector<Arg>().swap(request_.args);
  request_.args.clear();
}

ParseResult RequestParser::begin(std::string_view input) {
  const std::size_t blank = leading_line_ends(input);
  input.remove_prefix(blank);
  if (input.empty() || input == "\r") return {.consumed = blank};
  const char first = input.front();
  if (!is_printable(first))
    return {ParseOutcome::kClose, blank, Dialect::kText, errors::unknown_first_byte(first)};
  if (first == '*') {
    under_ = Under::kResp;
    resp_.begin(limits_);
  } else {
    under_ = Under::kText;
    text_.begin(limits_);
  }
  ParseResult result = go_on(input);
  result.consumed += blank;
  return result;
}

ParseResult RequestParser::go_on(std::string_view input) {
  const bool is_text = under_ == Under::kText;
  ParseResult result = is_text ? text_.next(input, request_) : resp_.next(input, request_);
  if (!(is_text ? text_.busy() : resp_.busy())) under_ = Under::kNothing;
  return result;
}

std::size_t RequestParser::settle(std::string_view input) {
  switch (under_) {
    case Under::kNothing: return 0;
    case Under::kText: return text_.settle(input);
    case Under::kResp: return resp_.settle(input);
  }
  return 0;
}

void RequestParser::give_up(ErrorReply error) {
  switch (under_) {
    case Under::kNothing: return;
    case Under::kText: return text_.give_up(std::move(error));
    case Under::kResp: return resp_.give_up(std::move(error));
  }
}

std::size_t RequestParser::bytes_wanted() const {
  switch (under_) {
    case Under::kNothing: return 0;
    case Under::kText: return text_.bytes_wanted();
    case Under::kResp: return resp_.bytes_wanted();
  }
  return 0;
}

}  // namespace minikv::protocol
