// Takes words as the server's tokenizer does, and quotes those that need it.
#include "client/lib/words.h"

#include <algorithm>
#include <cstddef>

#include "protocol/quoting.h"

namespace minikv::client {

std::optional<Word> take_word(std::string_view& rest) {
  std::string_view text = rest;
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  if (text.empty()) return std::nullopt;

  if (text.front() != '"') {
    const std::size_t length = std::min(text.find(' '), text.size());
    rest = text.substr(length);
    return Word{std::string(text.substr(0, length)), false};
  }
  const std::size_t end = protocol::find_closing_quote(text);
  if (end == std::string_view::npos || (end + 1 < text.size() && text[end + 1] != ' ')) return std::nullopt;
  Word word{.bytes = {}, .quoted = true};
  if (!protocol::append_unescaped(word.bytes, text.substr(1, end - 1))) return std::nullopt;
  rest = text.substr(end + 1);
  return word;
}

void append_word(std::string& line, const Word& word) {
  if (!word.quoted) {
    protocol::append_quoted_if_needed(line, word.bytes);
    return;
  }
  line += '"';
  protocol::append_escaped(line, word.bytes);
  line += '"';
}

}  // namespace minikv::client
