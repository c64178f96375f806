// Both parsers on arbitrary bytes. The first byte of the input chooses how the rest is cut; the results must
// be those of the rest in one piece, and nothing may be read that is not there (the sanitizers see to that).
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/parser.h"
#include "tests/fuzz/target.h"

namespace minikv::protocol {
namespace {

// Small, so that the limits are met.
ParserLimits small_limits() {
  ParserLimits limits;
  limits.max_line_bytes = 64;
  limits.max_key_bytes = 16;
  limits.max_value_bytes = 32;
  limits.max_arguments = 8;
  limits.max_request_bytes = 128;
  return limits;
}

void append_field(std::string& out, std::string_view bytes) {
  out += std::to_string(bytes.size());
  out += ':';
  out += bytes;
}

void append_result(std::string& out, const ParseResult& result, const Request& request) {
  out += static_cast<char>('0' + static_cast<int>(result.outcome));
  if (result.outcome != ParseOutcome::kRequest) {
    append_field(out, result.error.text);
    append_field(out, result.error.resp);
    return;
  }
  append_field(out, request.command->name);
  for (const Arg& arg : request.args) append_field(out, arg.bytes);
}

std::string parse_in_pieces(std::string_view bytes, std::size_t piece) {
  RequestParser parser(small_limits());
  std::string kept;
  std::string results;
  while (!bytes.empty()) {
    kept += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      const std::size_t size = kept.size();
      const std::unique_ptr<char[]> buffer(new char[size]);
      std::ranges::copy(kept, buffer.get());
      const ParseResult result = parser.next({buffer.get(), size});
      fuzz::require(result.consumed <= size);
      kept.erase(0, result.consumed);
      if (result.outcome == ParseOutcome::kNeedMore) break;
      append_result(results, result, parser.request());
      if (result.outcome == ParseOutcome::kClose) return results;
    }
  }
  return results;
}

}  // namespace
}  // namespace minikv::protocol

namespace minikv::fuzz {

const std::size_t kChoices = 1;

void try_input(Input input) {
  const std::size_t piece = std::size_t{input.choices[0]} % 16 + 1;
  const std::string whole = protocol::parse_in_pieces(input.bytes, input.bytes.size());
  require(protocol::parse_in_pieces(input.bytes, piece) == whole);
}

}  // namespace minikv::fuzz
