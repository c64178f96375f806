// Keeps the input as a session would, and writes requests, errors and closings as lines.
#include "tests/protocol/conversation.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "protocol/quoting.h"

namespace minikv::protocol::testing {
namespace {

std::string describe(const Request& request) {
  std::string line(request.dialect == Dialect::kResp ? "*" : "");
  line += request.command->name;
  for (const Arg& arg : request.args) {
    line += arg.quoted ? " \"" : " <";
    append_escaped(line, arg.bytes);
    line += arg.quoted ? '"' : '>';
  }
  return line;
}

std::string describe(const ParseResult& result) {
  std::string line(result.dialect == Dialect::kResp ? "*" : "");
  line += result.outcome == ParseOutcome::kClose ? "close" : "error";
  if (!result.error.has_message()) return line;
  if (result.dialect == Dialect::kResp) return line + ' ' + result.error.resp;
  return fmt::format("{} -{} {}", line, error_code_name(result.error.code), result.error.text);
}

}  // namespace

void Conversation::send(std::string_view bytes) {
  kept_ += bytes;
  while (!closed_) {
    // A buffer of just these bytes, in a new place each time: reading outside it, or in an old one, is found
    // out.
    const std::size_t size = kept_.size();
    const std::unique_ptr<char[]> buffer(new char[size]);
    std::ranges::copy(kept_, buffer.get());
    const ParseResult result = parser_.next({buffer.get(), size});
    ASSERT_LE(result.consumed, size);
    kept_.erase(0, result.consumed);
    if (result.outcome == ParseOutcome::kNeedMore) return;
    results_.push_back(result.outcome == ParseOutcome::kRequest ? describe(parser_.request())
                                                                : describe(result));
    closed_ = result.outcome == ParseOutcome::kClose;
  }
}

Results parse(std::string_view bytes, const ParserLimits& limits) {
  return parse_in_pieces(bytes, std::max<std::size_t>(bytes.size(), 1), limits);
}

Results parse_in_pieces(std::string_view bytes, std::size_t piece, const ParserLimits& limits) {
  Conversation conversation(limits);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    conversation.send(bytes.substr(0, piece));
  return conversation.results();
}

Results parse_split(std::string_view bytes, std::size_t split, const ParserLimits& limits) {
  Conversation conversation(limits);
  conversation.send(bytes.substr(0, split));
  conversation.send(bytes.substr(split));
  return conversation.results();
}

std::string resp(const std::vector<std::string_view>& elements) {
  std::string bytes = fmt::format("*{}\r\n", elements.size());
  for (std::string_view element : elements) bytes += fmt::format("${}\r\n{}\r\n", element.size(), element);
  return bytes;
}

}  // namespace minikv::protocol::testing
