// Bytes -> Request: both dialects, at any chunking of the input, with every length checked before memory is taken.
#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/parse_result.h"
#include "protocol/request.h"
#include "protocol/resp_parser.h"
#include "protocol/text_parser.h"

namespace minikv::protocol {

// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class RequestParser {
 public:
  explicit RequestParser(const ParserLimits& limits) : limits_(limits) {}

  // Looks at the front of `input`, which begins where the last call's `consumed` ended. May be called with more of the
  // same bytes as often as wanted: work done is remembered, so that a request which arrives byte by byte costs time
  // linear in its length. The parser keeps nothing of the input: a request under way stays in the caller's buffer,
  // which must be able to grow to ParserLimits::max_buffered_bytes(). After kClose it may not be called again.
  ParseResult next(std::string_view input);

  // Valid after kRequest until the next call of next().
  const Request& request() const { return request_; }

  // A hint for the size of the next read: how many bytes the request under way still needs at least (0: unknown).
  std::size_t bytes_wanted() const;

  // Takes effect from the next request on (before authentication the limits are narrow).
  void set_limits(const ParserLimits& limits) { limits_ = limits; }

 private:
  enum class Under : std::uint8_t { kNothing, kText, kResp };  // which parser has a request under way

  // The next request begins with the first byte of `input`.
  ParseResult begin(std::string_view input);
  ParseResult go_on(std::string_view input);
  void forget_last_request();

  ParserLimits limits_;
  Under under_ = Under::kNothing;
  TextParser text_;
  RespParser resp_;
  Request request_;
};

}  // namespace minikv::protocol
