// A state machine: the count, then for each element its length, its bytes and the line end.
#include "protocol/resp_parser.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "protocol/number.h"
#include "protocol/size_limits.h"

namespace minikv::protocol {
namespace {

// The maximum of a header; a longer line holds no number.
constexpr std::size_t kMaxHeaderBytes = 32;

// Longer elements are a protocol error, as with Redis' default proto-max-bulk-len; those between
// max_value_bytes and this are skipped.
constexpr std::size_t kMaxBulkBytes = 512 * 1024 * 1024;

// Arguments that are neither keys nor values (a message, a name) may be this long, however low those limits
// are.
constexpr std::size_t kMinBulkLimit = 64 * 1024;

constexpr std::size_t kKeptSpans = 1024;

std::size_t longest_kept_bulk(const ParserLimits& limits) {
  return std::max({limits.max_value_bytes, limits.max_key_bytes, kMinBulkLimit});
}

}  // namespace

void RespParser::begin(const ParserLimits& limits) {
  limits_ = limits;
  busy_ = true;
  at_ = 0;
  count_ = kNone;
  read_ = 0;
  length_ = kNone;
  total_ = longest_ = 0;
  command_ = nullptr;
  forget_elements();
  refusal_.reset();
  bytes_wanted_ = 0;
}

void RespParser::forget_elements() {
  if (spans_.capacity() > kKeptSpans) std::vector<Span>().swap(spans_);
  spans_.clear();
  if (settled_.capacity() > kKeptSpans) std::vector<Arg>().swap(settled_);
  settled_.clear();
  settled_verb_.reset();
}

std::size_t RespParser::settle(std::string_view input) {
  if (refusal_) return 0;
  // Reserves room for all elements once a quarter of them has arrived. The vector is then not moved again and
  // again, and a client that only announces many elements takes no memory.
  const std::size_t there = settled_.size() + spans_.size();
  if (settled_.capacity() < there && there >= count_ / 4) settled_.reserve(count_);
  for (const Span& span : spans_) {
    const std::string_view bytes = input.substr(span.begin, span.size);
    if (!settled_verb_) {
      settled_verb_ = bytes;
    } else {
      settled_.push_back({bytes});
    }
  }
  spans_.clear();
  return std::exchange(at_, 0);
}

void RespParser::give_up(ErrorReply error) {
  if (!refusal_) discard(std::move(error));
}

ParseResult RespParser::next(std::string_view input, Request& request) {
  bytes_wanted_ = 0;
  switch (parse(input)) {
    case Step::kDone: return finish(input, request);
    case Step::kProtocolError:
      busy_ = false;
      return {ParseOutcome::kClose, at_, Dialect::kResp, std::move(failure_)};
    case Step::kNeedMore: break;
  }
  if (!refusal_) return {.dialect = Dialect::kResp};
  return {.consumed = std::exchange(at_, 0), .dialect = Dialect::kResp};
}

RespParser::Step RespParser::parse(std::string_view input) {
  if (count_ == kNone) {
    if (const Step step = read_count(input); step != Step::kDone) return step;
  }
  while (read_ < count_) {
    if (length_ == kNone) {
      if (const Step step = read_length(input); step != Step::kDone) return step;
    }
    const Step step = refusal_ ? skip_bulk(input) : read_bulk(input);
    if (step != Step::kDone) return step;
    length_ = kNone;
    ++read_;
  }
  return Step::kDone;
}

RespParser::Step RespParser::read_count(std::string_view input) {
  std::int64_t count = 0;
  if (const Step step = read_header(input, "invalid multibulk length", count); step != Step::kDone)
    return step;
  if (count > static_cast<std::int64_t>(ParserLimits::kUnauthenticatedArguments) && !limits_.authenticated) {
    return fail("unauthenticated multibulk length");
  }
  if (count > 0 && static_cast<std::uint64_t>(count) > limits_.max_arguments)
    return fail("invalid multibulk length");
  count_ = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  return Step::kDone;
}

RespParser::Step RespParser::read_length(std::string_view input) {
  if (at_ >= input.size()) return Step::kNeedMore;
  if (input[at_] != '$') return fail(std::string("expected '$', got '") + input[at_] + "'");
  std::int64_t length = 0;
  if (const Step step = read_header(input, "invalid bulk length", length); step != Step::kDone) return step;
  const auto bytes = static_cast<std::uint64_t>(length);
  if (length < 0 || bytes > std::max(kMaxBulkBytes, limits_.max_value_bytes))
    return fail("invalid bulk length");
  if (bytes > ParserLimits::kUnauthenticatedBytes && !limits_.authenticated) {
    return fail("unauthenticated bulk length");
  }
  length_ = static_cast<std::size_t>(bytes);
  if (!refusal_) admit(length_);
  return Step::kDone;
}

void RespParser::admit(std::size_t length) {
  total_ += length;
  longest_ = std::max(longest_, length);
  if (length > longest_kept_bulk(limits_)) return discard(errors::value_too_long(limits_.max_value_bytes));
  if (total_ > limits_.request_bytes()) return discard(errors::request_too_long(limits_.request_bytes()));
}

void RespParser::discard(ErrorReply error) {
  refusal_ = std::move(error);
  forget_elements();
}

RespParser::Step RespParser::read_bulk(std::string_view input) {
  const std::size_t end = at_ + length_;
  if (end + 2 > input.size()) {
    bytes_wanted_ = end + 2 - input.size();
    return Step::kNeedMore;
  }
  if (const Step step = read_line_end(input, end); step != Step::kDone) return step;
  if (read_ == 0) command_ = find_resp_command(input.substr(at_, length_));
  spans_.push_back({at_, length_});
  at_ = end + 2;
  return Step::kDone;
}

RespParser::Step RespParser::skip_bulk(std::string_view input) {
  const std::size_t skipped = std::min(length_, input.size() - at_);
  at_ += skipped;
  length_ -= skipped;
  if (length_ > 0 || at_ + 2 > input.size()) {
    bytes_wanted_ = length_ + 2;
    return Step::kNeedMore;
  }
  if (const Step step = read_line_end(input, at_); step != Step::kDone) return step;
  at_ += 2;
  return Step::kDone;
}

RespParser::Step RespParser::read_line_end(std::string_view input, std::size_t at) {
  return input.substr(at, 2) == "\r\n" ? Step::kDone : fail("expected CRLF behind a bulk string");
}

// A type byte, a number, CR LF.
RespParser::Step RespParser::read_header(std::string_view input, std::string_view what,
                                         std::int64_t& number) {
  const std::string_view window = input.substr(at_, kMaxHeaderBytes);
  const std::size_t end = window.find_first_of("\r\n");
  if (end == std::string_view::npos) return window.size() < kMaxHeaderBytes ? Step::kNeedMore : fail(what);
  const std::optional<std::int64_t> parsed = parse_redis_integer(window.substr(1, end - 1));
  if (!parsed || window[end] == '\n') return fail(what);
  if (at_ + end + 1 >= input.size()) return Step::kNeedMore;
  if (input[at_ + end + 1] != '\n') return fail(what);
  number = *parsed;
  at_ += end + 2;
  return Step::kDone;
}

RespParser::Step RespParser::fail(std::string_view detail) {
  failure_ = errors::protocol_error(detail);
  return Step::kProtocolError;
}

ParseResult RespParser::finish(std::string_view input, Request& request) {
  busy_ = false;
  const bool is_watch = command_ != nullptr && command_->id == CommandId::kWatch && count_ > 1;
  ParseResult result{ParseOutcome::kError, at_, Dialect::kResp, {}, is_watch};
  if (refusal_) {
    result.error = std::move(*refusal_);
    return result;
  }
  if (count_ == 0) {
    result.outcome = ParseOutcome::kNeedMore;
    return result;
  }
  request.dialect = Dialect::kResp;
  if (auto error = take_request(input, request)) {
    result.error = std::move(*error);
  } else {
    result.outcome = ParseOutcome::kRequest;
  }
  return result;
}

std::optional<ErrorReply> RespParser::take_request(std::string_view input, Request& request) {
  std::span<const Span> behind(spans_);
  const auto take = [&] {
    const Span span = behind.front();
    behind = behind.subspan(1);
    return input.substr(span.begin, span.size);
  };
  request.verb = settled_verb_ ? *settled_verb_ : take();
  request.args.swap(settled_);
  request.command = command_;
  const bool has_subcommand =
      request.command != nullptr && count_ > 1 && !subcommands_of(request.command->id).empty();
  if (has_subcommand && request.args.empty()) {
    request.subcommand = take();
  } else if (has_subcommand) {
    request.subcommand = request.args.front().bytes;
    request.args.erase(request.args.begin());
  }
  while (!behind.empty()) request.args.push_back({take()});
  if (request.command == nullptr) return errors::unknown_command(Dialect::kResp, request.verb, request.args);
  if (has_subcommand) {
    const CommandSpec* const subcommand = find_subcommand(*request.command, request.subcommand);
    if (subcommand == nullptr) return errors::unknown_subcommand(*request.command, request.subcommand);
    request.command = subcommand;
  }
  if (!request.command->takes(count_)) return errors::wrong_arity(*request.command);
  // Nearly always true; it spares a pass over up to a million elements.
  if (longest_ <= std::min(limits_.max_key_bytes, limits_.max_value_bytes)) return std::nullopt;
  return check_sizes(*request.command, request.args, limits_);
}

}  // namespace minikv::protocol
