// Bytes -> Request: both dialects, at any chunking of the input, with every length checked before memory is
// taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/errors.h"
#include "protocol/request.h"

namespace minikv::protocol {

struct ParserLimits {
  std::size_t max_line_bytes = 256 * 1024;
  std::size_t max_key_bytes = 65'535;
  std::size_t max_value_bytes = 64 * 1024 * 1024;
  std::size_t max_arguments = 1024 * 1024;
};

enum class ParseOutcome : std::uint8_t {
  kNeedMore,  // all of the input that can be used has been used; call again when there is more
  kRequest,   // request() is whole; call again for the next one
  kError,  // `error` is to be sent; the stream is in step (or will be: the parser skips what belongs to it)
  kClose,  // `error`, if it has a message, is to be sent, and then the connection closed
};

struct ParseResult {
  ParseOutcome outcome = ParseOutcome::kNeedMore;
  std::size_t consumed = 0;          // bytes at the front of the input that are done with
  Dialect dialect = Dialect::kText;  // of the request that the error answers
  ErrorReply error;
};

// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class RequestParser {
 public:
  explicit RequestParser(const ParserLimits& limits) : limits_(limits) {}

  // Looks at the front of `input`, which begins where the last call's `consumed` ended. May be called with
  // more of the same bytes as often as wanted: work done is remembered, so that a request which arrives byte
  // by byte costs time linear in its length. After kClose it may not be called again.
  ParseResult next(std::string_view input);

  // Valid after kRequest until the next call of next().
  const Request& request() const { return request_; }

  // A hint for the size of the next read: how many bytes the request under way still needs at least (0:
  // unknown).
  std::size_t bytes_wanted() const { return bytes_wanted_; }

  // Takes effect from the next request on (before authentication the limits are narrow).
  void set_limits(const ParserLimits& limits) { limits_ = limits; }

 private:
  // The rest is the implementer's: state of the request under way.
  ParserLimits limits_;
  Request request_;
  std::size_t bytes_wanted_ = 0;
};

}  // namespace minikv::protocol
