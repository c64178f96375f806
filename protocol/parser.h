// Bytes -> Request: both dialects, at any chunking of the input, with every length checked before memory is
// taken.
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

  // Looks at the front of `input`, which begins where the last call's `consumed` ended. May be called with
  // more of the same bytes as often as wanted: work done is remembered, so that a request which arrives byte
  // by byte costs time linear in its length. The parser keeps nothing of the input: a request under way stays
  // in the caller's memory, in one stretch or, with settle(), in several. After kClose it may not be called
  // again.
  ParseResult next(std::string_view input);

  // After kNeedMore, for a request that goes on elsewhere: what of it has been read stays where it is in
  // `input`, which was given to next() and has to be kept until the request is over. Returns how many bytes
  // at its front that is; what is behind them begins the input of the next call. 0: nothing of it can stay
  // behind.
  std::size_t settle(std::string_view input);

  // Throws the rest of the request under way away as it arrives, and answers it with `error`.
  void give_up(ErrorReply error);
  bool is_busy() const { return under_ != Under::kNothing; }

  // Valid after kRequest until the next call of next() or forget_request().
  const Request& request() const { return request_; }
  // Lets go of what a request with many arguments has taken.
  void forget_request();

  // How many bytes more than the last input has belong to the argument that is arriving; 0 where that is not
  // known.
  std::size_t bytes_wanted() const;

  // What the parser itself takes for the request under way.
  std::size_t memory() const { return (request_.args.capacity() * sizeof(Arg)) + resp_.memory(); }

  // Takes effect from the next request on (before authentication the limits are narrow).
  void set_limits(const ParserLimits& limits) { limits_ = limits; }

 private:
  enum class Under : std::uint8_t { kNothing, kText, kResp };  // which parser has a request under way

  // The next request begins with the first byte of `input`.
  ParseResult begin(std::string_view input);
  ParseResult go_on(std::string_view input);

  ParserLimits limits_;
  Under under_ = Under::kNothing;
  TextParser text_;
  RespParser resp_;
  Request request_;
};

}  // namespace minikv::protocol
