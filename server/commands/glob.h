// Patterns as Redis' commands take them, read once and then matched as often as wanted.
//
// `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\` before a character that is to be itself. Patterns are read as
// by Redis 7 on x86-64, with all that is strange there: a class that nothing closes ends with the pattern, a
// `]` behind a `-` ends a range and not the class, the ends of a range are signed bytes, and nothing but `*`
// and the empty pattern matches an empty text.
//
// A pattern is cut at its stars into segments. A segment without a star before it must stand at the text's
// beginning, and one without a star behind it at the end. Each segment between is looked for behind the one
// before it. Its first place is the right one, as it leaves most of the text to the others. A segment of
// plain characters is found by memmem(), a segment with classes by 64 states in a word of bits (R.
// Baeza-Yates, G. Gonnet, "A New Approach to Text Searching", 1992).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minikv::server {

enum class GlobCase : bool { kMatters, kIgnored };

// Thread safety: any number of threads may call the const members at once.
class Glob {
 public:
  // The maximum length of a text: no key and no name of a setting or command is longer. A pattern that only
  // longer texts could match matches nothing.
  static constexpr std::size_t kMaxTextBytes = 65'535;

  // Takes time and memory linear in the pattern's length. Nothing of `pattern` is kept.
  explicit Glob(std::string_view pattern, GlobCase letters = GlobCase::kMatters);

  bool matches(std::string_view text) const;

  // An upper limit of the steps that matches() takes for a text of `text_bytes`; a step is about a
  // nanosecond. At most the text's length times the 64th part of the pattern's, or times 8 if that is more.
  std::uint64_t steps(std::size_t text_bytes) const { return text_bytes * steps_per_byte_; }
  // The maximum of steps() for any pattern of `pattern_bytes`.
  static std::uint64_t max_steps(std::size_t pattern_bytes, std::size_t text_bytes);

  // A prefix of all texts that the pattern matches; empty if the case of letters is ignored.
  std::string_view literal_prefix() const { return literal_prefix_; }

 private:
  using ByteSet = std::array<std::uint64_t, 4>;
  class Compiler;

  // One character of the pattern: a byte, or, from 256 on, a set of bytes.
  using Item = std::uint32_t;

  // A word of states for each class of bytes that the segment does not tell apart.
  struct BitTable {
    std::array<std::uint8_t, 256> class_of{};
    std::size_t words = 0;
    std::vector<std::uint64_t> masks;  // of each class in turn
  };

  struct Segment {
    std::size_t first = 0;  // item
    std::size_t count = 0;
    bool is_plain = true;          // items are bytes, at the same places in plain_ as in items_
    std::size_t table = SIZE_MAX;  // in tables_, where there is one
  };

  bool item_matches(Item item, char c) const;
  bool stands_at(const Segment& segment, std::string_view text, std::size_t at) const;
  std::size_t find(const Segment& segment, std::string_view text) const;
  std::size_t find_by_table(const BitTable& table, std::size_t count, std::string_view text) const;

  std::vector<Item> items_;
  std::string plain_;  // each item's byte; for a set, a byte that is not looked at
  std::vector<ByteSet> sets_;
  std::vector<BitTable> tables_;
  std::vector<Segment>
      segments_;  // if there is a star, the first is the text's beginning and the last its end
  bool has_star_ = false;
  bool matches_empty_ = false;
  bool matches_nothing_ = false;  // longer than any text
  std::uint64_t steps_per_byte_ = 1;
  std::string literal_prefix_;
};

}  // namespace minikv::server
