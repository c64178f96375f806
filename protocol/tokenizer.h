// Takes a line of the text dialect apart into tokens, quoted strings and the rest of the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/request.h"

namespace minikv::protocol {

enum class TokenFault : std::uint8_t {
  kNone,
  kUnclosedQuote,
  kAfterQuote,  // something other than a space behind a closing quote
  kBadEscape,
  kBadByte,  // CR or NUL in a token
};

// A sentence for the -USAGE reply.
std::string_view describe(TokenFault fault);

// Reads one line, which must stay where it is. Unescaped strings go to `scratch`: the constructor empties it,
// and its bytes do not move while the line is read.
class Tokenizer {
 public:
  Tokenizer(std::string_view line, std::string& scratch);

  // The next token, with the spaces before it skipped; false at the end of the line. A faulty token is handed
  // out as it stands in the line, so that the tokens behind it can still be found.
  bool next(Arg& arg);

  // What follows exactly one space, to the end of the line; unescaped if it is exactly one quoted string.
  // False if the line ends here.
  bool rest(Arg& arg);

  // The first fault so far.
  TokenFault fault() const { return fault_; }

 private:
  void note(TokenFault fault) {
    if (fault_ == TokenFault::kNone) fault_ = fault;
  }
  Arg plain_token();
  Arg quoted_token();
  std::string_view unescaped(std::string_view inside);

  std::string_view left_;
  std::string& scratch_;
  TokenFault fault_ = TokenFault::kNone;
};

}  // namespace minikv::protocol
