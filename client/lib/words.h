// The words of a line of the text dialect.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace minikv::client {

struct Word {
  std::string bytes;
  bool quoted = false;  // as a quoted string it is never taken for an option

  bool operator==(const Word&) const = default;
};

// Takes a token or a quoted string off the front of `rest`, after any spaces. Nothing if there is none, or if
// a quoted string does not end, has an unknown escape, or is not followed by a space or the end; then `rest`
// is as it was.
std::optional<Word> take_word(std::string_view& rest);

// The word as take_word() reads it: quoted if it was or has to be.
void append_word(std::string& line, const Word& word);

}  // namespace minikv::client
