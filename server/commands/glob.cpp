// Compiles a pattern into segments between stars, and finds those in a text one after the other.
#include "server/commands/glob.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <span>
#include <utility>

#include "protocol/ascii.h"

namespace minikv::server {

namespace {

constexpr std::size_t kNowhere = std::string_view::npos;
constexpr std::size_t kBitsPerWord = 64;
// Shorter segments are compared item by item at each place.
constexpr std::size_t kShortSegment = 8;

unsigned index_of(char c) { return static_cast<unsigned char>(c); }

template <typename ByteSet>
void add_byte(ByteSet& set, unsigned byte) {
  set[byte / kBitsPerWord] |= std::uint64_t{1} << (byte % kBitsPerWord);
}

template <typename ByteSet>
bool has_byte(const ByteSet& set, unsigned byte) {
  return (set[byte / kBitsPerWord] >> (byte % kBitsPerWord) & 1) != 0;
}

}  // namespace

// Reads a pattern from left to right.
class Glob::Compiler {
 public:
  Compiler(Glob& glob, std::string_view pattern, GlobCase letters)
      : glob_(glob), pattern_(pattern), ignore_case_(letters == GlobCase::kIgnored) {}

  void run() {
    glob_.matches_empty_ = pattern_.empty() || pattern_ == "*";
    glob_.segments_.emplace_back();
    while (at_ < pattern_.size() && !glob_.matches_nothing_) {
      if (pattern_[at_] == '*') {
        ++at_;
        begin_segment();
      } else {
        add(read_item());
      }
    }
    finish();
  }

 private:
  void begin_segment() {
    // Stars in a row count as one star. But the first segment, which may be empty, is the text's beginning.
    if (glob_.has_star_ && glob_.segments_.back().count == 0) return;
    glob_.has_star_ = true;
    glob_.segments_.push_back({.first = glob_.items_.size()});
  }

  void add(Item item) {
    glob_.items_.push_back(item);
    glob_.plain_ += static_cast<char>(item);
    Segment& segment = glob_.segments_.back();
    ++segment.count;
    if (item >= kFirstSet) segment.is_plain = false;
    if (glob_.items_.size() > kMaxTextBytes) glob_.matches_nothing_ = true;
  }

  Item read_item() {
    const char c = pattern_[at_++];
    if (c == '?') return item_of(all_bytes());
    if (c == '[') return item_of(read_class());
    if (c == '\\' && at_ < pattern_.size()) return item_of(one_byte(pattern_[at_++]));
    return item_of(one_byte(c));
  }

  // Reads a class, from behind its `[` on.
  ByteSet read_class() {
    ByteSet set{};
    const bool negated = at_ < pattern_.size() && pattern_[at_] == '^';
    if (negated) ++at_;
    while (at_ < pattern_.size()) {
      const std::size_t left = pattern_.size() - at_;
      const char c = pattern_[at_];
      if (c == '\\' && left >= 2) {
        add_byte(set, index_of(pattern_[at_ + 1]));  // an escaped letter matches in its own case only
        at_ += 2;
      } else if (c == ']') {
        ++at_;
        break;
      } else if (left >= 3 && pattern_[at_ + 1] == '-') {
        add_range(set, static_cast<signed char>(c), static_cast<signed char>(pattern_[at_ + 2]));
        at_ += 3;
      } else {
        const ByteSet one = one_byte(c);
        for (std::size_t i = 0; i < set.size(); ++i) set[i] |= one[i];
        ++at_;
      }
    }
    if (negated) {
      for (std::uint64_t& word : set) word = ~word;
    }
    return set;
  }

  // As Redis, puts the ends in order before it makes their letters small, and not again.
  void add_range(ByteSet& set, int low, int high) const {
    if (low > high) std::swap(low, high);
    low = folded(low);
    high = folded(high);
    for (int byte = -128; byte <= 127; ++byte) {
      if (low <= folded(byte) && folded(byte) <= high) add_byte(set, static_cast<unsigned char>(byte));
    }
  }

  int folded(int byte) const { return ignore_case_ && byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte; }

  ByteSet one_byte(char c) const {
    ByteSet set{};
    add_byte(set, index_of(c));
    if (ignore_case_) {
      add_byte(set, index_of(protocol::to_lower(c)));
      add_byte(set, index_of(protocol::to_upper(c)));
    }
    return set;
  }

  static ByteSet all_bytes() {
    ByteSet set;
    set.fill(~std::uint64_t{0});
    return set;
  }

  Item item_of(const ByteSet& set) {
    if (const int byte = only_byte(set); byte >= 0) return static_cast<Item>(byte);
    const auto [found, is_new] = known_sets_.emplace(set, static_cast<Item>(kFirstSet + glob_.sets_.size()));
    if (is_new) glob_.sets_.push_back(set);
    return found->second;
  }

  // The only byte of a set; -1 if the set has none or several.
  static int only_byte(const ByteSet& set) {
    int byte = -1;
    for (std::size_t i = 0; i < set.size(); ++i) {
      if (set[i] == 0) continue;
      if (byte >= 0 || (set[i] & (set[i] - 1)) != 0) return -1;
      byte = static_cast<int>(i * kBitsPerWord) + std::countr_zero(set[i]);
    }
    return byte;
  }

  void finish() {
    if (glob_.matches_nothing_) {
      glob_.items_ = {};
      return;
    }
    const Segment& beginning = glob_.segments_.front();
    if (!ignore_case_) {
      const auto set = std::find_if(glob_.items_.begin(),
                                    glob_.items_.begin() + static_cast<std::ptrdiff_t>(beginning.count),
                                    [](Item item) { return item >= kFirstSet; });
      glob_.literal_prefix_ = glob_.plain_.substr(0, static_cast<std::size_t>(set - glob_.items_.begin()));
    }
    // The first and the last segment are not looked for: their places are fixed.
    for (std::size_t i = 1; i + 1 < glob_.segments_.size(); ++i) prepare(glob_.segments_[i]);
  }

  void prepare(Segment& segment) {
    if (segment.is_plain) return;
    if (segment.count <= kShortSegment) {
      glob_.steps_per_byte_ = std::max<std::uint64_t>(glob_.steps_per_byte_, segment.count);
      return;
    }
    segment.table = glob_.tables_.size();
    glob_.tables_.push_back(make_table(segment));
    glob_.steps_per_byte_ = std::max<std::uint64_t>(glob_.steps_per_byte_, glob_.tables_.back().words);
  }

  BitTable make_table(const Segment& segment) const {
    const auto items = std::span(glob_.items_).subspan(segment.first, segment.count);
    BitTable table;
    const std::vector<unsigned> representatives = tell_apart(items, table.class_of);
    table.words = (segment.count + kBitsPerWord - 1) / kBitsPerWord;
    table.masks.resize(representatives.size() * table.words);
    for (std::size_t i = 0; i < items.size(); ++i) {
      for (std::size_t c = 0; c < representatives.size(); ++c) {
        if (!glob_.item_matches(items[i], static_cast<char>(representatives[c]))) continue;
        table.masks[c * table.words + i / kBitsPerWord] |= std::uint64_t{1} << (i % kBitsPerWord);
      }
    }
    return table;
  }

  // Gives bytes that no item tells apart the same class, and returns a byte of each class.
  std::vector<unsigned> tell_apart(std::span<const Item> items,
                                   std::array<std::uint8_t, 256>& class_of) const {
    std::vector<Item> different(items.begin(), items.end());
    std::ranges::sort(different);
    different.erase(std::unique(different.begin(), different.end()), different.end());
    std::vector<unsigned> representatives = {0};
    for (const Item item : different) {
      // For each class: the new class of those of its bytes that the item tells apart; -1: none so far.
      std::array<int, 256> inside_class;
      inside_class.fill(-1);
      for (unsigned byte = 0; byte < 256 && representatives.size() < 256; ++byte) {
        const std::uint8_t old = class_of[byte];
        const bool as_its_class = glob_.item_matches(item, static_cast<char>(byte)) ==
                                  glob_.item_matches(item, static_cast<char>(representatives[old]));
        if (as_its_class) continue;
        if (inside_class[old] < 0) {
          inside_class[old] = static_cast<int>(representatives.size());
          representatives.push_back(byte);
        }
        class_of[byte] = static_cast<std::uint8_t>(inside_class[old]);
      }
    }
    return representatives;
  }

  static constexpr Item kFirstSet = 256;

  Glob& glob_;
  std::string_view pattern_;
  bool ignore_case_;
  std::size_t at_ = 0;
  std::map<ByteSet, Item> known_sets_;
};

Glob::Glob(std::string_view pattern, GlobCase letters) { Compiler(*this, pattern, letters).run(); }

std::uint64_t Glob::max_steps(std::size_t pattern_bytes, std::size_t text_bytes) {
  const std::size_t words = std::min(pattern_bytes, kMaxTextBytes) / kBitsPerWord + 1;
  return std::uint64_t{text_bytes} * std::max(words, kShortSegment);
}

bool Glob::item_matches(Item item, char c) const {
  const unsigned byte = index_of(c);
  return item < 256 ? item == byte : has_byte(sets_[item - 256], byte);
}

bool Glob::stands_at(const Segment& segment, std::string_view text, std::size_t at) const {
  if (segment.is_plain)
    return text.substr(at, segment.count) == std::string_view(plain_).substr(segment.first, segment.count);
  for (std::size_t i = 0; i < segment.count; ++i) {
    if (!item_matches(items_[segment.first + i], text[at + i])) return false;
  }
  return true;
}

std::size_t Glob::find(const Segment& segment, std::string_view text) const {
  if (text.size() < segment.count) return kNowhere;
  if (segment.is_plain) {
    // memmem() is linear in the worst case, too; std::string_view::find() is not.
    const void* const found =
        ::memmem(text.data(), text.size(), plain_.data() + segment.first, segment.count);
    return found == nullptr ? kNowhere
                            : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  }
  if (segment.table != SIZE_MAX) return find_by_table(tables_[segment.table], segment.count, text);
  for (std::size_t at = 0; at + segment.count <= text.size(); ++at) {
    if (stands_at(segment, text, at)) return at;
  }
  return kNowhere;
}

// Bit i of the states is set if the first i + 1 items match the bytes that end with this one.
std::size_t Glob::find_by_table(const BitTable& table, std::size_t count, std::string_view text) const {
  std::vector<std::uint64_t> states(table.words);
  const std::uint64_t last = std::uint64_t{1} << ((count - 1) % kBitsPerWord);
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::uint64_t* const masks = table.masks.data() + table.class_of[index_of(text[at])] * table.words;
    std::uint64_t carry = 1;
    for (std::size_t i = 0; i < table.words; ++i) {
      const std::uint64_t next_carry = states[i] >> (kBitsPerWord - 1);
      states[i] = (states[i] << 1 | carry) & masks[i];
      carry = next_carry;
    }
    if ((states.back() & last) != 0) return at + 1 - count;
  }
  return kNowhere;
}

bool Glob::matches(std::string_view text) const {
  if (text.empty()) return matches_empty_;
  if (matches_nothing_ || text.size() < items_.size()) return false;
  const Segment& beginning = segments_.front();
  if (!has_star_) return text.size() == beginning.count && stands_at(beginning, text, 0);
  const Segment& end = segments_.back();
  std::size_t from = beginning.count;
  const std::size_t to = text.size() - end.count;
  if (!stands_at(beginning, text, 0) || !stands_at(end, text, to)) return false;
  for (std::size_t i = 1; i + 1 < segments_.size(); ++i) {
    const std::size_t found = find(segments_[i], text.substr(from, to - from));
    if (found == kNowhere) return false;
    from += found + segments_[i].count;
  }
  return true;
}

}  // namespace minikv::server
