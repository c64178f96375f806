// Feeds a RequestParser as a session does, and says what came of it, one line for each result:
//
//   get <k>              a text request; an argument that was quoted: get "k"
//   *get <k>             a RESP request
//   error -USAGE ...     an error in the text dialect, after which the stream is in step
//   *error ERR ...       one in RESP
//   close -USAGE ...     an error before the connection is closed; "close" alone: without a message
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/parser.h"

namespace minikv::protocol::testing {

using Results = std::vector<std::string>;

class Conversation {
 public:
  explicit Conversation(const ParserLimits& limits = {}) : parser_(limits) {}

  // More bytes from the client; nothing is parsed after a close.
  void send(std::string_view bytes);

  const Results& results() const { return results_; }
  RequestParser& parser() { return parser_; }
  std::size_t kept_bytes() const { return kept_.size(); }
  bool is_closed() const { return closed_; }

 private:
  RequestParser parser_;
  std::string kept_;  // what the parser has not consumed
  Results results_;
  bool closed_ = false;
};

// All at once.
Results parse(std::string_view bytes, const ParserLimits& limits = {});
// In pieces of `piece` bytes.
Results parse_in_pieces(std::string_view bytes, std::size_t piece, const ParserLimits& limits = {});
// The first `split` bytes, then the rest.
Results parse_split(std::string_view bytes, std::size_t split, const ParserLimits& limits = {});

// A RESP request.
std::string resp(const std::vector<std::string_view>& elements);

}  // namespace minikv::protocol::testing
