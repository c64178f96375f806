// Patterns match what they match in Redis, and what that costs has a bound.
#include "server/commands/glob.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/glob_reference.h"
#include "tests/support/test_scale.h"

namespace minikv::server {

namespace {

bool glob_matches(std::string_view pattern, std::string_view text, GlobCase letters = GlobCase::kMatters) {
  return Glob(pattern, letters).matches(text);
}

std::string copies_of(std::string_view piece, std::size_t times) {
  std::string all;
  while (times-- > 0) all += piece;
  return all;
}

double milliseconds_of(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

// Made of few different characters, so that much matches.
class PatternMaker {
 public:
  explicit PatternMaker(unsigned seed) : random_(seed) {}

  std::string text(std::size_t longest) {
    std::string text;
    for (std::size_t left = below(longest + 1); left > 0; --left) text += letter();
    return text;
  }

  std::string pattern() {
    std::string pattern;
    const std::size_t kind = below(4);
    for (std::size_t left = below(12); left > 0; --left) pattern += piece(kind);
    // Segments that are looked for in words of bits.
    if (below(4) == 0)
      pattern = "*" + copies_of(piece(kind), 5 + below(140)) + pattern + (below(2) == 0 ? "*" : "");
    return pattern;
  }

  // A text that has a chance: what the pattern says, with something for each special character.
  std::string text_for(std::string_view pattern) {
    std::string text;
    for (const char c : pattern) {
      if (c == '*') {
        text += this->text(4);
      } else if (c == '?') {
        text += letter();
      } else if (c != '[' && c != ']' && c != '^' && c != '\\') {
        text += c;
      }
    }
    return text;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  char letter() { return std::string_view("aabbcABz-]^[\\*?\x80\xff\xfe\0", 18)[below(18)]; }
  std::string piece(std::size_t kind) {
    switch (below(kind == 0 ? 3 : 8)) {
      case 0: return "*";
      case 1: return "?";
      case 2: return "a";
      case 3: return "[" + text(3) + "]";
      case 4: return "[^" + text(2) + "]";
      case 5: return std::string("[") + letter() + "-" + letter() + "]";
      case 6: return std::string("\\") + letter();
      default: return std::string(1, letter());
    }
  }

  std::mt19937 random_;
};

using namespace std::string_view_literals;

// As Redis has it.
struct Example {
  std::string_view pattern;
  std::string_view text;
  bool matches;
};
constexpr Example kExamples[] = {
    {"*", "", true},
    {"**", "", false},
    {"*", "anything", true},
    {"**", "anything", true},
    {"", "", true},
    {"", "a", false},
    {"port", "port", true},
    {"port", "ports", false},
    {"ports", "port", false},
    {"p*t", "port", true},
    {"p*t", "pt", true},
    {"p*t", "p", false},
    {"p*t", "ports", false},
    {"p*o*r*t", "port", true},
    {"a*a", "a", false},
    {"a*a", "aa", true},
    {"*o*", "port", true},
    {"p??t", "port", true},
    {"p?t", "port", false},
    {"?", "", false},
    {"[pq]ort", "port", true},
    {"[a-c]ort", "port", false},
    {"[^a-c]ort", "port", true},
    {"[^p]ort", "port", false},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"a**b", "ab", true},
    {"*ab", "aab", true},
    {"[", "a", false},
    {"[", "[", false},
    {"[^", "a", true},
    {"a[^", "ab", true},
    {"[]", "a", false},
    {"[^]", "a", true},
    {"[]a]", "a]", false},  // nothing is in the class, and `a]` stands behind it
    {"a[b-", "ab", true},
    {"a[b-", "a-", true},
    {"max-*-bytes", "max-key-bytes", true},
    {"[a-]]", "b]", false},  // a range up to `]`, and no end
    {"[a-]]", "_", true},
    {"[a-]", "_", true},
    {"[z-a]", "m", true},
    {"[aab]c", "ac", true},
    {"[\\]]", "]", true},
    {"[a\\-z]", "-", true},
    {"[a\\-z]", "m", false},
    {"[\\", "\\", true},
    {"\\", "\\", true},
    {"a\\", "a\\", true},
    // The ends of a range are signed bytes: 0xff is -1, and before 'a'.
    {"[a-\xff]", "b", false},
    {"[a-\xff]", "A", true},
    {"[\x80-\xff]", "\x90", true},
    {"[^\x80-\xff]", "a", true},
    {"a\0b"sv, "a\0b"sv, true},
    {"a?b", "a\0b"sv, true},
    {"[\0]"sv, "\0"sv, true},
};

}  // namespace

TEST(GlobTest, PatternsMatchAsInRedis) {
  for (const Example& one : kExamples) {
    EXPECT_EQ(glob_matches(one.pattern, one.text), one.matches) << one.pattern << " on " << one.text;
    EXPECT_EQ(test::reference_glob_matches(one.pattern, one.text), one.matches)
        << "the reference: " << one.pattern << " on " << one.text;
  }
}

TEST(GlobTest, LettersAreTheSameInAnyCaseOnlyWhereThatIsAsked) {
  EXPECT_FALSE(glob_matches("P[O]rt", "port"));
  EXPECT_TRUE(glob_matches("P[O]rt", "port", GlobCase::kIgnored));
  EXPECT_TRUE(glob_matches("*ORT", "port", GlobCase::kIgnored));
  EXPECT_TRUE(glob_matches("[a-c]", "B", GlobCase::kIgnored));
  EXPECT_FALSE(glob_matches("[Z-a]", "b", GlobCase::kIgnored));  // put in order first, then from z to a
  EXPECT_FALSE(glob_matches("[\\A]", "a", GlobCase::kIgnored));  // an escape in a class is as it is
  EXPECT_TRUE(glob_matches("\\A", "a", GlobCase::kIgnored));
}

TEST(GlobTest, EveryPatternMatchesWhatTheReferenceMatches) {
  const unsigned seed = std::random_device{}();
  PatternMaker maker(seed);
  std::size_t matched = 0;
  for (int round = 0; round < 40'000; ++round) {
    const std::string pattern = maker.pattern();
    const bool ignore_case = round % 3 == 0;
    const Glob glob(pattern, ignore_case ? GlobCase::kIgnored : GlobCase::kMatters);
    for (const std::string& text : {maker.text(8), maker.text_for(pattern), maker.text(40)}) {
      const bool matches = glob.matches(text);
      ASSERT_EQ(matches, test::reference_glob_matches(pattern, text, ignore_case))
          << "seed " << seed << ", pattern '" << pattern << "' on '" << text
          << "', in any case: " << ignore_case;
      if (matches) {
        ++matched;
        ASSERT_TRUE(text.starts_with(glob.literal_prefix()))
            << "pattern '" << pattern << "' on '" << text << "'";
      }
    }
  }
  EXPECT_GT(matched, 10'000U) << "so few matches show little";
}

TEST(GlobTest, SegmentsOfAnyLengthAreFound) {
  for (const std::size_t length : {1U, 7U, 8U, 9U, 63U, 64U, 65U, 127U, 128U, 129U, 1000U}) {
    const std::string segment = copies_of("[ab]", length - 1) + "[cd]";
    const Glob glob("*" + segment + "*");
    EXPECT_TRUE(glob.matches("xyz" + std::string(length - 1, 'a') + "c")) << length;
    EXPECT_TRUE(glob.matches(std::string(length + 200, 'b') + "dz")) << length;
    EXPECT_FALSE(glob.matches(std::string(length + 200, 'b') + "e")) << length;
    if (length > 1) {
      EXPECT_FALSE(glob.matches("xyz" + std::string(length - 2, 'a') + "c")) << length;
    }
  }
}

TEST(GlobTest, ALongerPatternThanAnyTextMatchesNothing) {
  const std::string longest(Glob::kMaxTextBytes, 'a');
  EXPECT_TRUE(glob_matches(longest, longest));
  EXPECT_TRUE(glob_matches(longest + "*", longest));
  EXPECT_TRUE(glob_matches(std::string(Glob::kMaxTextBytes, '?'), longest));
  EXPECT_FALSE(glob_matches(longest + "a", longest));
  EXPECT_FALSE(glob_matches("*" + longest + "?", longest));
  EXPECT_TRUE(glob_matches(
      "[" + std::string(1'000'000, 'b') + "a]" + std::string(Glob::kMaxTextBytes - 1, '?'), longest));
}

TEST(GlobTest, WhatAMatchBeginsWith) {
  EXPECT_EQ(Glob("user:*").literal_prefix(), "user:");
  EXPECT_EQ(Glob("*").literal_prefix(), "");
  EXPECT_EQ(Glob("plain").literal_prefix(), "plain");
  EXPECT_EQ(Glob("a\\*b").literal_prefix(), "a*b");
  EXPECT_EQ(Glob("a[b]c?d").literal_prefix(), "abc");
  EXPECT_EQ(Glob("a[bc]d").literal_prefix(), "a");
  EXPECT_EQ(Glob("user:*", GlobCase::kIgnored).literal_prefix(), "");
}

// Each is what some way to match takes the longest for, on the longest key: reading a class anew for each
// character, trying every star again, comparing at every place. 65,535 bytes times 1,024 words of bits are 67
// million steps, and everything else is less.
TEST(GlobTest, NoPatternTakesLongOnAnyText) {
  const std::string text(Glob::kMaxTextBytes, 'a');
  const struct {
    const char* what;
    std::string pattern;
  } cases[] = {
      {"a long class", "*[" + std::string(30'000, 'b') + "]c"},
      {"many stars", copies_of("*a", 30'000) + "b"},
      {"many stars and classes", copies_of("*[ab]", 30'000) + "c"},
      {"a long plain segment", "*" + std::string(32'000, 'a') + "b*"},
      {"a long segment of classes", "*" + copies_of("[ab]", 32'000) + "c*"},
      {"many segments of classes", copies_of("*[ab][ab][ab][ab][ab][ab][ab][ab][ab][ab]", 6'000) + "c*"},
      {"short segments", copies_of("*?[ab]", 20'000) + "c*"},
      {"question marks", std::string(65'000, '?') + "*b*"},
      {"a million stars", std::string(1'000'000, '*') + "b"},
  };
  for (const auto& one : cases) {
    double ms = 1e9;
    std::uint64_t steps = 0;
    for (int attempt = 0; attempt < (test::kIsSanitized ? 1 : 3); ++attempt) {
      ms = std::min(ms, milliseconds_of([&] {
                      const Glob glob(one.pattern);
                      EXPECT_FALSE(glob.matches(text)) << one.what;
                      steps = glob.steps(text.size());
                    }));
    }
    RecordProperty(one.what, std::to_string(ms) + " ms");
    // On a busy machine; the naive ways take minutes.
    EXPECT_LT(ms, test::kIsSanitized ? 20'000 : 2'000) << one.what;
    EXPECT_LE(steps, Glob::max_steps(one.pattern.size(), text.size())) << one.what;
  }
}

}  // namespace minikv::server
