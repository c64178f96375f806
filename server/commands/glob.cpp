#include "server/commands/glob.h"

#include <algorithm>
#include <cstddef>

#include "protocol/ascii.h"

namespace minikv::server {

namespace {

// One character of a pattern or a text, as it is compared.
struct Fold {
  bool ignore_case;
  char operator()(char c) const { return ignore_case ? protocol::to_lower(c) : c; }
};

// Matches one character class, `[` already taken; moves `at` behind its `]`, or to the end if there is none. What stands
// behind `-` ends a range even if it is `]`.
bool class_matches(std::string_view pattern, std::size_t& at, char c, Fold fold) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(fold(pattern[i])); };
  const auto wanted = static_cast<unsigned char>(c);
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      found = found || byte(at + 1) == wanted;
      at += 2;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax({byte(at), byte(at + 2)});
      found = found || (low <= wanted && wanted <= high);
      at += 3;
    } else {
      found = found || byte(at) == wanted;
      ++at;
    }
  }
  if (at < pattern.size()) ++at;
  return found != negated;
}

// Matches what stands for one character; moves `at` behind it if it does.
bool one_matches(std::string_view pattern, std::size_t& at, char c, Fold fold) {
  std::size_t next = at;
  bool matches = false;
  if (pattern[next] == '?') {
    ++next;
    matches = true;
  } else if (pattern[next] == '[') {
    ++next;
    matches = class_matches(pattern, next, c, fold);
  } else {
    if (pattern[next] == '\\' && next + 1 < pattern.size()) ++next;
    matches = fold(pattern[next++]) == c;
  }
  if (matches) at = next;
  return matches;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text, GlobCase letters) {
  const Fold fold{letters == GlobCase::kIgnored};
  if (text.empty()) return pattern.empty() || pattern == "*";  // "**" does not match it, in Redis
  std::size_t in_pattern = 0;
  std::size_t in_text = 0;
  // Where to go on if what follows the last star does not match: only the last one has to be tried again.
  std::size_t behind_star = std::string_view::npos;
  std::size_t star_ends = 0;
  while (in_text < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      behind_star = ++in_pattern;
      star_ends = in_text;
    } else if (in_pattern < pattern.size() && one_matches(pattern, in_pattern, fold(text[in_text]), fold)) {
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

std::string_view glob_literal_prefix(std::string_view pattern) {
  return pattern.substr(0, std::min(pattern.find_first_of("*?[\\"), pattern.size()));
}

}  // namespace minikv::server
