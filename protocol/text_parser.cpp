// A state machine: a line, then for a put its body; lines and bodies that are too long are skipped as they
// arrive.
#include "protocol/text_parser.h"

#include <algorithm>
#include <utility>

#include "protocol/http.h"
#include "protocol/put_header.h"
#include "protocol/size_limits.h"
#include "protocol/tokenizer.h"

namespace minikv::protocol {
namespace {

// The verb of a line, and where its arguments begin.
struct VerbSpan {
  std::string_view verb;
  std::size_t args_begin = 0;
};

VerbSpan find_verb(std::string_view line) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t end = std::min(line.find(' ', begin), line.size());
  return {line.substr(begin, end - begin), end};
}

bool begins_with_watch(std::string_view line) {
  const CommandSpec* const command = find_text_command(find_verb(line).verb);
  return command != nullptr && command->id == CommandId::kWatch;
}

void read_tokens(Tokenizer& tokens, std::vector<Arg>& args) {
  Arg arg;
  while (tokens.next(arg)) args.push_back(arg);
}

// False if the rest, or a token before it, is missing.
bool read_rest_of_line(Tokenizer& tokens, std::size_t fixed_args, std::vector<Arg>& args) {
  Arg arg;
  while (args.size() < fixed_args) {
    if (!tokens.next(arg)) return false;
    args.push_back(arg);
  }
  if (tokens.fault() != TokenFault::kNone || !tokens.rest(arg)) return false;
  args.push_back(arg);
  return true;
}

}  // namespace

void TextParser::begin(const ParserLimits& limits) {
  limits_ = limits;
  if (!limits.authenticated) {
    const std::size_t line = ParserLimits::kUnauthenticatedArguments * ParserLimits::kUnauthenticatedBytes;
    limits_.max_line_bytes = std::min(limits.max_line_bytes, line);
    limits_.max_value_bytes = std::min(limits.max_value_bytes, ParserLimits::kUnauthenticatedBytes);
    limits_.max_arguments = std::min(limits.max_arguments, ParserLimits::kUnauthenticatedArguments);
  }
  state_ = State::kLine;
  scanned_ = 0;
  settled_args_.reset();
  given_up_.reset();
  bytes_wanted_ = 0;
}

std::size_t TextParser::settle(std::string_view input) {
  if (state_ != State::kBody) return 0;
  settled_args_ = put_args(input);
  return std::exchange(body_begin_, 0);
}

void TextParser::give_up(ErrorReply error) {
  if (state_ == State::kLine || state_ == State::kBody) given_up_ = std::move(error);
}

ParseResult TextParser::next(std::string_view input, Request& request) {
  bytes_wanted_ = 0;
  if (given_up_) {
    ErrorReply error = std::move(*given_up_);
    given_up_.reset();
    after_line_.reset();
    const bool is_line = state_ == State::kLine;
    state_ = is_line ? State::kSkipLine : State::kSkipBody;
    return {ParseOutcome::kError, is_line ? 0 : body_begin_, Dialect::kText, std::move(error),
            is_line && begins_with_watch(input)};
  }
  switch (state_) {
    case State::kIdle: break;
    case State::kLine: return find_line(input, request);
    case State::kBody: return take_body(input, request);
    case State::kSkipLine: return skip_line(input);
    case State::kSkipBody: return skip_body(input);
    case State::kBodyEnd: return skip_body_end(input);
  }
  return {};
}

ParseResult TextParser::find_line(std::string_view input, Request& request) {
  const std::size_t max = limits_.max_line_bytes;
  // The longest line and its line end; the bytes behind can't change the result.
  const std::string_view window = input.substr(0, max + 2);
  const std::size_t end = window.find('\n', scanned_);
  if (end == std::string_view::npos) {
    const bool may_still_end = window.size() <= max || (window.size() == max + 1 && window.back() == '\r');
    if (!may_still_end) return line_too_long(window, window.size());
    scanned_ = window.size();
    return {};
  }
  const bool has_cr = end > 0 && window[end - 1] == '\r';
  const std::size_t length = has_cr ? end - 1 : end;
  if (length > max) return line_too_long(window, end);
  return take_line(input, length, end + 1, request);
}

ParseResult TextParser::take_line(std::string_view input, std::size_t length, std::size_t consumed,
                                  Request& request) {
  const std::string_view line = input.substr(0, length);
  if (begins_like_http(line) || ends_like_http(line)) return close_with({}, consumed);
  const auto [verb, args_begin] = find_verb(line);
  if (verb.empty()) {
    state_ = State::kIdle;
    return {.consumed = consumed};
  }
  const CommandSpec* command = find_text_command(verb);
  if (command == nullptr) return refuse(errors::unknown_command(Dialect::kText, verb, {}), consumed);
  request.dialect = Dialect::kText;
  request.command = command;
  if (command->text_form == TextForm::kPut) {
    args_begin_ = args_begin;
    args_end_ = length;
    body_begin_ = consumed;
    return take_put_line(input, request);
  }
  return take_args(line.substr(args_begin), consumed, request);
}

ParseResult TextParser::take_args(std::string_view text, std::size_t consumed, Request& request) {
  const CommandSpec& command = *request.command;
  Tokenizer tokens(text, scratch_);
  bool complete = true;
  if (command.text_form == TextForm::kRestOfLine) {
    complete = read_rest_of_line(tokens, command.fixed_args, request.args);
  } else {
    read_tokens(tokens, request.args);
  }
  const auto refuse_this = [&](ErrorReply error) {
    ParseResult result = refuse(std::move(error), consumed);
    result.is_of_watch =
        command.id == CommandId::kWatch && text.find_first_not_of(' ') != std::string_view::npos;
    return result;
  };
  if (tokens.fault() != TokenFault::kNone)
    return refuse_this(errors::usage(command, describe(tokens.fault())));
  const std::size_t count = request.args.size();
  const bool too_many = command.text_args_max != kAnyNumber && count > command.text_args_max;
  if (!complete || count < command.text_args_min || too_many)
    return refuse_this(errors::wrong_arity(command));
  if (count >= limits_.max_arguments) return refuse_this(errors::too_many_arguments(limits_.max_arguments));
  if (auto error = check_sizes(command, request.args, limits_)) return refuse_this(std::move(*error));
  state_ = State::kIdle;
  return {.outcome = ParseOutcome::kRequest, .consumed = consumed};
}

ParseResult TextParser::take_put_line(std::string_view input, Request& request) {
  const CommandSpec& put = *request.command;
  Tokenizer tokens(put_args(input), scratch_);
  std::vector<Arg>& args = request.args;
  read_tokens(tokens, args);
  const std::optional<std::uint64_t> length = put_length(args);
  if (tokens.fault() != TokenFault::kNone)
    return refuse_put(errors::usage(put, describe(tokens.fault())), length);
  if (!length) return refuse_put(errors::usage(put, "the length is a number of bytes"), length);
  if (args.front().bytes.size() > limits_.max_key_bytes) {
    return refuse_put(errors::key_too_long(limits_.max_key_bytes), length);
  }
  if (*length > limits_.max_value_bytes)
    return refuse_put(errors::value_too_long(limits_.max_value_bytes), length);
  if (auto error = check_put_options(put, std::span(args).subspan(2)))
    return refuse_put(std::move(*error), length);
  body_bytes_ = *length;
  state_ = State::kBody;
  return take_body(input, request);
}

ParseResult TextParser::take_body(std::string_view input, Request& request) {
  const std::size_t end = body_begin_ + static_cast<std::size_t>(body_bytes_);
  const std::optional<std::size_t> line_end = line_end_at(input, end);
  if (!line_end) {
    bytes_wanted_ = end >= input.size() ? end + 1 - input.size() : 1;
    return {};
  }
  if (*line_end == 0) return close_with(body_without_end(), end);
  // The line is read again: the caller's buffer may have moved while the body arrived.
  request.dialect = Dialect::kText;
  request.command = &command_spec(CommandId::kPut);
  request.args.clear();
  Tokenizer tokens(put_args(input), scratch_);
  read_tokens(tokens, request.args);
  request.args[1] = {input.substr(body_begin_, end - body_begin_), false};
  state_ = State::kIdle;
  return {.outcome = ParseOutcome::kRequest, .consumed = end + *line_end};
}

ParseResult TextParser::line_too_long(std::string_view window, std::size_t consumed) {
  // These bytes are the same at any chunking. The last word is not used, as it may go on.
  const std::string_view line = window.substr(0, limits_.max_line_bytes);
  if (begins_like_http(line)) return close_with({}, consumed);
  state_ = State::kSkipLine;
  after_line_ = std::nullopt;
  ErrorReply error = errors::line_too_long(limits_.max_line_bytes);
  const auto [verb, args_begin] = find_verb(line);
  const CommandSpec* command = find_text_command(verb);
  if (command == nullptr || command->text_form != TextForm::kPut) {
    return {ParseOutcome::kError, consumed, Dialect::kText, std::move(error), begins_with_watch(line)};
  }
  const std::size_t last_space = line.rfind(' ');
  const std::string_view whole_words = line.substr(0, last_space == std::string_view::npos ? 0 : last_space);
  std::vector<Arg> args;
  Tokenizer tokens(whole_words.substr(std::min(args_begin, whole_words.size())), scratch_);
  read_tokens(tokens, args);
  after_line_ = put_length(args);
  if (!may_skip(after_line_)) return close_with(std::move(error), consumed);
  return {ParseOutcome::kError, consumed, Dialect::kText, std::move(error)};
}

ParseResult TextParser::skip_line(std::string_view input) {
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) return {.consumed = input.size()};
  state_ = State::kIdle;
  if (after_line_) {
    body_bytes_ = *after_line_;
    state_ = State::kSkipBody;
  }
  return {.consumed = end + 1};
}

ParseResult TextParser::skip_body(std::string_view input) {
  const std::size_t skipped = static_cast<std::size_t>(std::min<std::uint64_t>(body_bytes_, input.size()));
  body_bytes_ -= skipped;
  bytes_wanted_ = static_cast<std::size_t>(body_bytes_) + 1;
  if (body_bytes_ > 0) return {.consumed = skipped};
  state_ = State::kBodyEnd;
  ParseResult result = skip_body_end(input.substr(skipped));
  result.consumed += skipped;
  return result;
}

ParseResult TextParser::skip_body_end(std::string_view input) {
  const std::optional<std::size_t> line_end = line_end_at(input, 0);
  if (!line_end) {
    bytes_wanted_ = 1;
    return {};
  }
  if (*line_end == 0) return close_with(body_without_end(), 0);
  state_ = State::kIdle;
  return {.consumed = *line_end};
}

std::optional<std::size_t> TextParser::line_end_at(std::string_view input, std::size_t at) {
  if (at >= input.size()) return std::nullopt;
  if (input[at] == '\n') return 1;
  if (input[at] != '\r') return 0;
  if (at + 1 >= input.size()) return std::nullopt;
  return input[at + 1] == '\n' ? 2 : 0;
}

ErrorReply TextParser::body_without_end() {
  return errors::usage(command_spec(CommandId::kPut),
                       "no line end where the length says that the value ends");
}

bool TextParser::may_skip(std::optional<std::uint64_t> body_bytes) const {
  return body_bytes && *body_bytes / 4 <= limits_.max_value_bytes &&
         *body_bytes <= std::uint64_t{4} * limits_.max_value_bytes;
}

ParseResult TextParser::refuse(ErrorReply error, std::size_t consumed) {
  state_ = State::kIdle;
  return {ParseOutcome::kError, consumed, Dialect::kText, std::move(error)};
}

ParseResult TextParser::refuse_put(ErrorReply error, std::optional<std::uint64_t> body_bytes) {
  if (!may_skip(body_bytes)) return close_with(std::move(error), body_begin_);
  body_bytes_ = *body_bytes;
  state_ = State::kSkipBody;
  return {ParseOutcome::kError, body_begin_, Dialect::kText, std::move(error)};
}

ParseResult TextParser::close_with(ErrorReply error, std::size_t consumed) {
  state_ = State::kIdle;
  return {ParseOutcome::kClose, consumed, Dialect::kText, std::move(error)};
}

}  // namespace minikv::protocol
