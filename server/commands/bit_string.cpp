// Counts and searches eight bytes at a time, with masks at both ends of a range.
#include "server/commands/bit_string.h"

#include <bit>
#include <cstring>

namespace minikv::server {

namespace {

std::uint8_t mask_of(std::uint64_t bit) { return static_cast<std::uint8_t>(0x80U >> (bit % 8)); }

// The bytes that a range of bits touches, and which bits of the first and of the last one are within it.
struct ByteRange {
  explicit ByteRange(const PositionRange& bits)
      : first(static_cast<std::size_t>(bits.first) / 8),
        last(static_cast<std::size_t>(bits.last) / 8),
        first_mask(static_cast<std::uint8_t>(0xFFU >> (bits.first % 8))),
        last_mask(static_cast<std::uint8_t>(0xFFU << (7 - bits.last % 8))) {}

  std::uint8_t mask(std::size_t at) const {
    return static_cast<std::uint8_t>((at == first ? first_mask : 0xFF) & (at == last ? last_mask : 0xFF));
  }

  std::size_t first, last;
  std::uint8_t first_mask, last_mask;
};

std::uint64_t word_at(std::string_view bytes, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

}  // namespace

bool bit_at(std::string_view bytes, std::uint64_t bit) {
  return bit / 8 < bytes.size() && (static_cast<std::uint8_t>(bytes[bit / 8]) & mask_of(bit)) != 0;
}

void set_bit(std::string& bytes, std::uint64_t bit, bool on) {
  const auto byte = static_cast<std::uint8_t>(bytes[bit / 8]);
  bytes[bit / 8] = static_cast<char>(on ? byte | mask_of(bit) : byte & ~mask_of(bit));
}

std::uint64_t count_bits(std::string_view bytes, const PositionRange& bits) {
  if (bits.is_empty()) return 0;
  const ByteRange range(bits);
  std::uint64_t count = 0;
  for (std::size_t at = range.first; at <= range.last;) {
    if (at > range.first && at + sizeof(std::uint64_t) <= range.last) {
      count += static_cast<std::uint64_t>(std::popcount(word_at(bytes, at)));
      at += sizeof(std::uint64_t);
    } else {
      const auto byte = static_cast<std::uint8_t>(static_cast<std::uint8_t>(bytes[at]) & range.mask(at));
      count += static_cast<std::uint64_t>(std::popcount(byte));
      ++at;
    }
  }
  return count;
}

std::optional<std::uint64_t> find_bit(std::string_view bytes, bool on, const PositionRange& bits) {
  if (bits.is_empty()) return std::nullopt;
  const ByteRange range(bits);
  const std::uint64_t without_it = on ? 0 : UINT64_MAX;
  for (std::size_t at = range.first; at <= range.last;) {
    if (at > range.first && at + sizeof(std::uint64_t) <= range.last && word_at(bytes, at) == without_it) {
      at += sizeof(std::uint64_t);
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(on ? bytes[at] : ~bytes[at]);
    const auto wanted = static_cast<std::uint8_t>(byte & range.mask(at));
    if (wanted != 0) return std::uint64_t{at} * 8 + static_cast<std::uint64_t>(std::countl_zero(wanted));
    ++at;
  }
  return std::nullopt;
}

}  // namespace minikv::server
