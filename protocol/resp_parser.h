// RESP: "*<n>\r\n", then n times "$<length>\r\n<bytes>\r\n".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/parse_result.h"
#include "protocol/request.h"

namespace minikv::protocol {

// Parses one request at a time; RequestParser says when. Thread safety: as RequestParser.
class RespParser {
 public:
  // The next input begins with a request.
  void begin(const ParserLimits& limits);

  // As RequestParser::next(). A request without elements ends with kNeedMore and without busy().
  ParseResult next(std::string_view input, Request& request);

  // The request that begin() announced is not over.
  bool busy() const { return busy_; }

  std::size_t bytes_wanted() const { return bytes_wanted_; }

  // As RequestParser's.
  std::size_t settle(std::string_view input);
  void give_up(ErrorReply error);
  std::size_t memory() const { return spans_.capacity() * sizeof(Span) + settled_.capacity() * sizeof(Arg); }

 private:
  // The result of a step of the parser.
  enum class Step : std::uint8_t { kDone, kNeedMore, kProtocolError };

  struct Span {  // of an element, in the input
    std::size_t begin;
    std::size_t size;
  };

  Step parse(std::string_view input);
  Step read_count(std::string_view input);
  Step read_length(std::string_view input);
  Step read_bulk(std::string_view input);
  Step skip_bulk(std::string_view input);
  Step read_header(std::string_view input, std::string_view what, std::int64_t& number);
  Step read_line_end(std::string_view input, std::size_t at);
  Step fail(std::string_view detail);

  bool check_count(std::int64_t count) const;
  void forget_elements();
  void admit(std::size_t length);
  void discard(ErrorReply error);
  ParseResult finish(std::string_view input, Request& request);
  // Fills the request; or says what is wrong with it.
  std::optional<ErrorReply> take_request(std::string_view input, Request& request);

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  ParserLimits limits_;
  bool busy_ = false;
  std::size_t at_ = 0;          // bytes of the input that have been parsed
  std::size_t count_ = kNone;   // elements of the request; kNone: not known yet
  std::size_t read_ = 0;        // elements that have been read, or skipped
  std::size_t length_ = kNone;  // what is left of the element under way; kNone: its length is not known yet
  std::size_t total_ = 0;       // bytes in the elements
  std::size_t longest_ = 0;     // length of the longest
  const CommandSpec* command_ = nullptr;  // that the first element names; null: none, or not known yet
  std::optional<std::string_view> settled_verb_;  // elements that stay where they were read: the first,
  std::vector<Arg> settled_;                      // and the others
  std::vector<Span> spans_;                       // those behind them
  std::optional<ErrorReply> refusal_;             // set: the rest of the request is thrown away as it arrives
  ErrorReply failure_;
  std::size_t bytes_wanted_ = 0;
};

}  // namespace minikv::protocol
