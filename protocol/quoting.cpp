// The escapes, both ways: one at a time from the front of what is left.
#include "protocol/quoting.h"

#include <algorithm>
#include <cstdint>

#include "protocol/ascii.h"

namespace minikv::protocol {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

constexpr bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

void append_escape(std::string& out, char c) {
  out += '\\';
  switch (c) {
    case '\n': out += 'n'; return;
    case '\r': out += 'r'; return;
    case '\t': out += 't'; return;
    case '\0': out += '0'; return;
    case '"':
    case '\\': out += c; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += 'x';
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 0xF];
}

// -1 if it is none.
int hex_digit_value(char c) {
  const std::size_t at = kHexDigits.find(to_lower(c));
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// Takes one escape off the front of `rest`, which begins behind the backslash.
bool append_one_unescaped(std::string& out, std::string_view& rest) {
  if (rest.empty()) return false;
  const char kind = rest.front();
  rest.remove_prefix(1);
  switch (kind) {
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case '0': out += '\0'; return true;
    case '"':
    case '\\': out += kind; return true;
    case 'x': break;
    default: return false;
  }
  if (rest.size() < 2) return false;
  const int high = hex_digit_value(rest[0]);
  const int low = hex_digit_value(rest[1]);
  if (high < 0 || low < 0) return false;
  out += static_cast<char>(high * 16 + low);
  rest.remove_prefix(2);
  return true;
}

}  // namespace

void append_escaped(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto plain_end = std::ranges::find_if(bytes, needs_escape);
    out.append(bytes.begin(), plain_end);
    bytes = {plain_end, bytes.end()};
    if (bytes.empty()) return;
    append_escape(out, bytes.front());
    bytes.remove_prefix(1);
  }
}

void append_quoted_if_needed(std::string& out, std::string_view name) {
  const bool plain =
      !name.empty() && std::ranges::none_of(name, [](char c) { return c == ' ' || needs_escape(c); });
  if (plain) {
    out += name;
    return;
  }
  out += '"';
  append_escaped(out, name);
  out += '"';
}

std::size_t find_closing_quote(std::string_view text) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') return at;
    if (text[at] == '\\') ++at;
  }
  return std::string_view::npos;
}

bool append_unescaped(std::string& out, std::string_view inside) {
  while (!inside.empty()) {
    const std::size_t plain = std::min(inside.find('\\'), inside.size());
    out += inside.substr(0, plain);
    inside.remove_prefix(plain);
    if (inside.empty()) return true;
    inside.remove_prefix(1);
    if (!append_one_unescaped(out, inside)) return false;
  }
  return true;
}

}  // namespace minikv::protocol
