// Plain tokens are views into the line; quoted ones with escapes are written to the scratch space.
#include "protocol/tokenizer.h"

#include <algorithm>

#include "protocol/quoting.h"

namespace minikv::protocol {
namespace {

constexpr std::size_t kKeptScratchBytes = 4096;

// Takes `size` bytes off the front.
std::string_view take(std::string_view& from, std::size_t size) {
  const std::string_view taken = from.substr(0, size);
  from.remove_prefix(taken.size());
  return taken;
}

}  // namespace

std::string_view describe(TokenFault fault) {
  switch (fault) {
    case TokenFault::kNone: break;
    case TokenFault::kUnclosedQuote: return "a quoted string has no closing quote";
    case TokenFault::kAfterQuote: return "a space must follow a closing quote";
    case TokenFault::kBadEscape: return R"(the escapes are \n \r \t \0 \" \\ \xHH)";
    case TokenFault::kBadByte: return R"(CR and NUL must be written "\r" and "\0")";
  }
  return {};
}

Tokenizer::Tokenizer(std::string_view line, std::string& scratch) : left_(line), scratch_(scratch) {
  if (scratch_.capacity() > kKeptScratchBytes) scratch_ = {};
  scratch_.clear();
}

bool Tokenizer::next(Arg& arg) {
  left_.remove_prefix(std::min(left_.find_first_not_of(' '), left_.size()));
  if (left_.empty()) return false;
  arg = left_.front() == '"' ? quoted_token() : plain_token();
  return true;
}

Arg Tokenizer::plain_token() {
  const std::string_view token = take(left_, left_.find(' '));
  if (token.find_first_of(std::string_view("\r\0", 2)) != std::string_view::npos) note(TokenFault::kBadByte);
  return {token, false};
}

Arg Tokenizer::quoted_token() {
  const std::size_t close = find_closing_quote(left_);
  if (close == std::string_view::npos) {
    note(TokenFault::kUnclosedQuote);
    return {take(left_, left_.size()), true};
  }
  const std::string_view inside = take(left_, close + 1).substr(1, close - 1);
  if (!left_.empty() && left_.front() != ' ') {
    note(TokenFault::kAfterQuote);
    take(left_, left_.find(' '));
  }
  return {unescaped(inside), true};
}

bool Tokenizer::rest(Arg& arg) {
  if (left_.empty()) return false;
  // Only a faulty token is followed by anything but a space.
  left_.remove_prefix(1);
  arg = {take(left_, left_.size()), false};
  const bool is_one_quoted_string =
      arg.bytes.starts_with('"') && find_closing_quote(arg.bytes) == arg.bytes.size() - 1;
  if (is_one_quoted_string) arg = {unescaped(arg.bytes.substr(1, arg.bytes.size() - 2)), true};
  return true;
}

std::string_view Tokenizer::unescaped(std::string_view inside) {
  if (inside.find('\\') == std::string_view::npos) return inside;
  // Reserves room for the rest of the line, so that the views handed out stay valid.
  if (scratch_.empty()) scratch_.reserve(inside.size() + left_.size());
  const std::size_t begin = scratch_.size();
  if (!append_unescaped(scratch_, inside)) {
    note(TokenFault::kBadEscape);
    return inside;
  }
  return std::string_view(scratch_).substr(begin);
}

}  // namespace minikv::protocol
