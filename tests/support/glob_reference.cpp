// A recursive matcher without any preparation.
#include "tests/support/glob_reference.h"

#include <cstddef>
#include <vector>

namespace minikv::test {

namespace {

int small(int c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

class Matcher {
 public:
  Matcher(std::string_view pattern, std::string_view text, bool ignore_case)
      : pattern_(pattern),
        text_(text),
        ignore_case_(ignore_case),
        failed_((pattern.size() + 1) * (text.size() + 1)) {}

  // Whether the pattern from `p` on matches the text from `t` on.
  bool matches(std::size_t p, std::size_t t) {
    if (p == pattern_.size()) return t == text_.size();
    const std::size_t both = p * (text_.size() + 1) + t;
    if (failed_[both]) return false;
    bool is_match = false;
    if (pattern_[p] == '*') {
      is_match = matches(p + 1, t) || (t < text_.size() && matches(p, t + 1));
    } else if (t < text_.size()) {
      std::size_t next = p;
      is_match = one_matches(next, text_[t]) && matches(next, t + 1);
    }
    failed_[both] = !is_match;
    return is_match;
  }

 private:
  bool same(char a, char b) const { return ignore_case_ ? small(a) == small(b) : a == b; }

  // Moves `p` behind what stands for one character.
  bool one_matches(std::size_t& p, char c) const {
    const char first = pattern_[p++];
    if (first == '?') return true;
    if (first == '[') return class_matches(p, c);
    if (first == '\\' && p < pattern_.size()) return same(pattern_[p++], c);
    return same(first, c);
  }

  bool class_matches(std::size_t& p, char c) const {
    const bool negated = p < pattern_.size() && pattern_[p] == '^';
    if (negated) ++p;
    bool found = false;
    for (; p < pattern_.size(); ++p) {
      if (pattern_[p] == '\\' && p + 1 < pattern_.size()) {
        ++p;
        found = found || pattern_[p] == c;
      } else if (pattern_[p] == ']') {
        ++p;
        return found != negated;
      } else if (p + 2 < pattern_.size() && pattern_[p + 1] == '-') {
        found = found || is_between(pattern_[p], pattern_[p + 2], c);
        p += 2;
      } else {
        found = found || same(pattern_[p], c);
      }
    }
    return found != negated;
  }

  bool is_between(signed char one, signed char other, signed char c) const {
    int low = one < other ? one : other;
    int high = one < other ? other : one;
    int wanted = c;
    if (ignore_case_) {
      low = small(low);
      high = small(high);
      wanted = small(wanted);
    }
    return low <= wanted && wanted <= high;
  }

  std::string_view pattern_;
  std::string_view text_;
  bool ignore_case_;
  std::vector<bool> failed_;
};

}  // namespace

bool reference_glob_matches(std::string_view pattern, std::string_view text, bool ignore_case) {
  if (text.empty()) return pattern.empty() || pattern == "*";
  return Matcher(pattern, text, ignore_case).matches(0, 0);
}

}  // namespace minikv::test
