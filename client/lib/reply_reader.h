// Bytes -> Reply, at any chunking of the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/lib/reply.h"

namespace minikv::client {

// The reader remembers the work done, so a reply that arrives byte by byte costs time linear in its length.
// Memory is taken as bytes arrive, whatever lengths the server announces.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class ReplyReader {
 public:
  enum class Outcome : std::uint8_t {
    kNeedMore,   // feed() more
    kReply,      // there is one
    kMalformed,  // this is not the text dialect: problem() says what came; only reset() helps
  };

  void feed(std::string_view bytes);
  // After kReply, the reply is in `reply`, and next() may be called again for the following one.
  Outcome next(Reply& reply);
  const std::string& problem() const { return problem_; }
  // Forgets everything, for a new connection.
  void reset() { *this = ReplyReader(); }

 private:
  enum class Step : std::uint8_t { kDone, kNeedMore, kMalformed };
  enum class Expect : std::uint8_t { kReplies, kNames, kLines, kPairs, kPairBody, kValueBody };

  // An incomplete reply, and which part of it comes next.
  struct Frame {
    Reply reply;
    Expect expect;
    std::uint64_t remaining = 0;  // replies, names, lines or pairs
    std::size_t body_bytes = 0;   // of a value
  };

  Step step();
  Step read_head();
  Step read_plus_line(std::string_view line);
  Step read_value_head(std::string_view rest);
  Step read_counted_head(Reply::Kind kind, Expect expect, std::string_view rest);
  Step read_name();
  Step read_text_line();
  Step read_pair_head();
  Step read_body();
  Step item_done();
  Step whole(Reply reply);
  Step malformed(std::string_view line);

  std::optional<std::string_view> take_line();

  std::string buffer_;
  std::size_t at_ = 0;       // the bytes before have been parsed
  std::size_t scanned_ = 0;  // no line feed between at_ and here
  std::vector<Frame> unfinished_;
  std::optional<Reply> finished_;
  std::string problem_;
};

}  // namespace minikv::client
