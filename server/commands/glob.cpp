#include "server/commands/glob.h"

#include <cstddef>

#include "protocol/ascii.h"

namespace minikv::server {

namespace {

using protocol::to_lower;

// Matches one character class, `[` already taken; moves `at` behind its `]`.
bool class_matches(std::string_view pattern, std::size_t& at, char c) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    const char low = to_lower(pattern[at++]);
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = to_lower(pattern[at + 1]);
      at += 2;
    }
    found = found || (low <= c && c <= high) || (high <= c && c <= low);
  }
  if (at < pattern.size()) ++at;
  return found != negated;
}

// Matches what stands for one character; moves `at` behind it if it does.
bool one_matches(std::string_view pattern, std::size_t& at, char c) {
  std::size_t next = at;
  bool matches = false;
  if (pattern[next] == '?') {
    ++next;
    matches = true;
  } else if (pattern[next] == '[') {
    ++next;
    matches = class_matches(pattern, next, c);
  } else {
    if (pattern[next] == '\\' && next + 1 < pattern.size()) ++next;
    matches = to_lower(pattern[next++]) == c;
  }
  if (matches) at = next;
  return matches;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t in_pattern = 0;
  std::size_t in_text = 0;
  // Where to go on if what follows the last star does not match: only the last one has to be tried again.
  std::size_t behind_star = std::string_view::npos;
  std::size_t star_ends = 0;
  while (in_text < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      behind_star = ++in_pattern;
      star_ends = in_text;
    } else if (in_pattern < pattern.size() && one_matches(pattern, in_pattern, to_lower(text[in_text]))) {
      ++in_text;
    } else if (behind_star != std::string_view::npos) {
      in_pattern = behind_star;
      in_text = ++star_ends;
    } else {
      return false;
    }
  }
  while (in_pattern < pattern.size() && pattern[in_pattern] == '*') ++in_pattern;
  return in_pattern == pattern.size();
}

}  // namespace minikv::server
