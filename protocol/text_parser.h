// The text dialect: a line is a request, but for `put`, whose value follows its line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/parse_result.h"
#include "protocol/request.h"

namespace minikv::protocol {

// Parses one request at a time; RequestParser says when. Thread safety: as RequestParser.
class TextParser {
 public:
  // The next input begins with a request.
  void begin(const ParserLimits& limits);

  // As RequestParser::next(). A request that is no more than spaces ends with kNeedMore and without busy().
  ParseResult next(std::string_view input, Request& request);

  // The request that begin() announced is not over, or bytes that belong to it are still to be skipped.
  bool busy() const { return state_ != State::kIdle; }

  std::size_t bytes_wanted() const { return bytes_wanted_; }

  // As RequestParser's. The line of a put can stay behind when its value is arriving; any other line must be
  // contiguous.
  std::size_t settle(std::string_view input);
  void give_up(ErrorReply error);

 private:
  enum class State : std::uint8_t {
    kIdle,
    kLine,      // looking for the end of the line
    kBody,      // the line of a put is good, its value is arriving
    kSkipLine,  // a line that is too long is thrown away
    kSkipBody,  // the body of a refused put is thrown away
    kBodyEnd,   // the line end behind a skipped body
  };

  // `length`: of the line, without its line end; `consumed`: with it.
  ParseResult find_line(std::string_view input, Request& request);
  ParseResult take_line(std::string_view input, std::size_t length, std::size_t consumed, Request& request);
  ParseResult take_args(std::string_view text, std::size_t consumed, Request& request);
  ParseResult line_too_long(std::string_view window, std::size_t consumed);
  ParseResult skip_line(std::string_view input);

  ParseResult take_put_line(std::string_view input, Request& request);
  ParseResult take_body(std::string_view input, Request& request);
  ParseResult skip_body(std::string_view input);
  ParseResult skip_body_end(std::string_view input);
  std::string_view put_args(std::string_view input) const {
    return settled_args_ ? *settled_args_ : input.substr(args_begin_, args_end_ - args_begin_);
  }
  // Whether the body of a refused put can be skipped; if not, the connection has to be closed.
  bool may_skip(std::optional<std::uint64_t> body_bytes) const;
  // The length of the line end, 1 or 2; 0 if other bytes are there, nothing if it is not known yet.
  static std::optional<std::size_t> line_end_at(std::string_view input, std::size_t at);
  static ErrorReply body_without_end();

  ParseResult refuse(ErrorReply error, std::size_t consumed);
  ParseResult refuse_put(ErrorReply error, std::optional<std::uint64_t> body_bytes);
  ParseResult close_with(ErrorReply error, std::size_t consumed);

  ParserLimits limits_;
  State state_ = State::kIdle;
  std::size_t scanned_ = 0;     // kLine: bytes without a line end
  std::size_t args_begin_ = 0;  // kBody: where the arguments begin and end
  std::size_t args_end_ = 0;
  std::size_t body_begin_ = 0;                    // kBody: where in the input
  std::uint64_t body_bytes_ = 0;                  // kBody: all of it; kSkipBody: what is left of it
  std::optional<std::uint64_t> after_line_;       // kSkipLine: a body to be skipped next
  std::optional<std::string_view> settled_args_;  // kBody: the arguments, if they stay in other memory
  std::optional<ErrorReply> given_up_;            // to be answered by the next call
  std::size_t bytes_wanted_ = 0;
  std::string scratch_;  // unescaped strings
};

}  // namespace minikv::protocol
