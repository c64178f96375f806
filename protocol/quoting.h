// The quoted strings of the text dialect: "a b", "line\n", "\x07".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace minikv::protocol {

// The bytes with those below 0x20, 0x7f, '"' and '\' escaped; without quotes around them.
void append_escaped(std::string& out, std::string_view bytes);

// The same, in quotes if the name is empty or has a space or a byte that is escaped.
void append_quoted_if_needed(std::string& out, std::string_view name);

// Where the quoted string that `text` begins with ends: the position of its closing quote, or npos. `text[0]`
// is the opening quote. Escapes are skipped over, not judged.
std::size_t find_closing_quote(std::string_view text);

// Appends what stands between two quotes, unescaped. False if an escape is not one of \n \r \t \0 \" \\ \xHH.
bool append_unescaped(std::string& out, std::string_view inside);

}  // namespace minikv::protocol
