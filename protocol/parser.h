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
  // more of the same bytes as often as wanted: the parser remembers the work done, so a request that arrives
  // byte by byte costs time linear in its length. The parser copies nothing of the input: a request under way
  // stays in the caller's memory, in one stretch or, with settle(), in several. After kClose it may not be
  // called again.
  ParseResult next(std::string_view input);

  // To be called after kNeedMore, with the `input` of that call to next(), if the request goes on in other
  // memory. The part that has been parsed stays where it is, and the caller keeps it until the request is
  // over. Returns the length of that part at the front of `input`; the next input begins with the bytes
  // behind it. 0: no part can stay behind.
  std::size_t settle(std::string_view input);

  // Refuses the request under way: the parser answers it with `error`, and skips its rest as it arrives.
  void give_up(ErrorReply error);
  bool is_busy() const { return under_ != Under::kNothing; }

  // Valid after kRequest until the next call of next() or forget_request().
  const Request& request() const { return request_; }
  // Also frees the memory that a request with many arguments has taken.
  void forget_request();

  // How many bytes behind the last input belong to the argument that is arriving; 0 if that is not known.
  std::size_t bytes_wanted() const;

  // The bytes of memory that the parser itself holds for the request under way.
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
