// Rows of the table by 64-bit words, and the way back through it, which finds the parts.
#include "server/commands/subsequence.h"

#include <bit>
#include <cstring>
#include <utility>

namespace minikv::server {

namespace {

constexpr std::size_t kRedisCellBytes = 4;
// A string of more bytes goes down the rows if the other is shorter: a column costs room for 256 bits.
constexpr std::size_t kMaxColumns = 65536;
constexpr std::size_t kWordBits = 64;

using Words = std::vector<std::uint64_t>;

// How many of the first `columns` bits are 0, which is how far a row rises up to there.
std::size_t rise(const std::uint8_t* row, std::size_t columns) {
  std::size_t ones = 0;
  std::size_t at = 0;
  for (; (at + 1) * kWordBits <= columns; ++at) {
    std::uint64_t word = 0;
    std::memcpy(&word, row + at * sizeof word, sizeof word);
    ones += static_cast<std::size_t>(std::popcount(word));
  }
  for (std::size_t column = at * kWordBits; column < columns; ++column)
    ones += (row[column / 8] >> (column % 8)) & 1U;
  return columns - ones;
}

// The row of the table that is being computed. A bit is 0 where the length is greater by 1 than one column
// before.
class Row {
 public:
  explicit Row(std::string_view columns)
      : words_((columns.size() + kWordBits - 1) / kWordBits), bits_(words_, ~std::uint64_t{0}) {
    matches_.resize(256 * words_);
    for (std::size_t i = 0; i < columns.size(); ++i)
      matches_of(columns[i])[i / kWordBits] |= std::uint64_t{1} << (i % kWordBits);
  }

  // Goes to the next row, which belongs to this byte.
  void step(char byte) {
    const std::uint64_t* matches = matches_of(byte);
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < words_; ++i) {
      const std::uint64_t row = bits_[i];
      std::uint64_t sum = 0;
      const bool over = __builtin_add_overflow(row, row & matches[i], &sum);
      const bool over_again = __builtin_add_overflow(sum, carry, &sum);
      carry = over || over_again ? 1 : 0;
      bits_[i] = sum | (row & ~matches[i]);
    }
  }

  const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(bits_.data()); }

 private:
  std::uint64_t* matches_of(char byte) { return matches_.data() + static_cast<std::uint8_t>(byte) * words_; }

  std::size_t words_;
  Words bits_;
  Words matches_;  // for each byte: the columns that hold it
};

// All rows but the first, which is 0 everywhere.
class Table {
 public:
  Table(std::string_view rows, std::string_view columns)
      : row_bytes_((columns.size() + 7) / 8), bits_(rows.size() * row_bytes_) {
    Row row(columns);
    std::uint8_t* to = bits_.data();
    for (const char byte : rows) {
      row.step(byte);
      std::memcpy(to, row.bytes(), row_bytes_);
      to += row_bytes_;
    }
  }

  // Whether the length for `row` rows and `column` columns is greater than for one column less.
  bool rises_at(std::size_t row, std::size_t column) const {
    return (row_of(row)[(column - 1) / 8] >> ((column - 1) % 8) & 1U) == 0;
  }
  std::size_t length(std::size_t rows, std::size_t columns) const {
    return rows == 0 ? 0 : rise(row_of(rows), columns);
  }

 private:
  const std::uint8_t* row_of(std::size_t row) const { return bits_.data() + (row - 1) * row_bytes_; }

  std::size_t row_bytes_;
  std::vector<std::uint8_t> bits_;
};

bool b_goes_down(std::string_view a, std::string_view b) {
  return b.size() > kMaxColumns && b.size() > a.size();
}

}  // namespace

static_assert(std::endian::native == std::endian::little, "a row is read by words and by bytes");

bool subsequence_fits(std::size_t a_bytes, std::size_t b_bytes, std::size_t max_value_bytes) {
  const std::size_t max_cells = max_value_bytes / kRedisCellBytes;
  return a_bytes < max_cells && b_bytes < max_cells / (a_bytes + 1);
}

std::size_t subsequence_length(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return 0;
  if (b_goes_down(a, b)) std::swap(a, b);
  Row row(b);
  for (const char byte : a) row.step(byte);
  return rise(row.bytes(), b.size());
}

// Goes back from the end of both strings. As Redis, leaves out a byte of `a` only if that is better than one
// of `b`.
std::vector<CommonPart> common_parts(std::string_view a, std::string_view b) {
  std::vector<CommonPart> parts;
  if (a.empty() || b.empty()) return parts;
  const bool turned = b_goes_down(a, b);
  const Table table = turned ? Table(b, a) : Table(a, b);
  std::size_t i = a.size();
  std::size_t j = b.size();
  std::size_t length = turned ? table.length(j, i) : table.length(i, j);
  while (length > 0) {
    if (a[i - 1] == b[j - 1]) {
      --i, --j, --length;
      const CommonPart byte{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), 1};
      if (!parts.empty() && parts.back().in_a == i + 1 && parts.back().in_b == j + 1) {
        parts.back() = {byte.in_a, byte.in_b, parts.back().bytes + 1};
      } else {
        parts.push_back(byte);
      }
      continue;
    }
    const bool a_is_better =
        turned ? !table.rises_at(j, i) && table.length(j - 1, i) < length : table.rises_at(i, j);
    --(a_is_better ? i : j);
  }
  return parts;
}

std::string join_parts(std::string_view a, const std::vector<CommonPart>& parts) {
  std::string joined;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) joined += a.substr(part->in_a, part->bytes);
  return joined;
}

}  // namespace minikv::server
