// The limits and the results of the parsers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "protocol/errors.h"
#include "protocol/request.h"

namespace minikv::protocol {

struct ParserLimits {
  std::size_t max_line_bytes = 256 * 1024;  // without its line end
  std::size_t max_key_bytes = 65'535;       // what the store takes at most
  std::size_t max_value_bytes = 64 * 1024 * 1024;
  std::size_t max_arguments = 1024 * 1024;            // with the verb
  std::size_t max_request_bytes = 256 * 1024 * 1024;  // the arguments of one request together
  bool authenticated = true;                          // false: the two limits below apply as well

  // Before authentication, as in Redis.
  static constexpr std::size_t kUnauthenticatedArguments = 10;
  static constexpr std::size_t kUnauthenticatedBytes = 16 * 1024;  // an argument

  // max_request_bytes, but at least what a request with one value of maximum length needs.
  std::size_t request_bytes() const {
    return std::max(max_request_bytes, max_value_bytes + max_key_bytes + 64 * 1024);
  }
  // The maximum length of a request that the parser has neither handed out nor begun to skip. A RESP argument
  // has up to 32 bytes around it.
  std::size_t max_buffered_bytes() const {
    return request_bytes() + max_line_bytes + 32 * (max_arguments + 1);
  }
};

enum class ParseOutcome : std::uint8_t {
  kNeedMore,  // all usable input has been parsed; call again when there is more
  kRequest,   // request() is whole; call again for the next one
  kError,     // `error` is to be sent; the parser skips what is left of the request, and can go on
  kClose,     // `error`, if it has a message, is to be sent, and then the connection closed
};

struct ParseResult {
  ParseOutcome outcome = ParseOutcome::kNeedMore;
  std::size_t consumed = 0;          // bytes at the front of the input; the next input begins behind them
  Dialect dialect = Dialect::kText;  // of the request that the error answers
  ErrorReply error = {};
  bool is_of_watch = false;  // the error is about a WATCH of some keys: none of them is watched
};

}  // namespace minikv::protocol
