// A blocked Bloom filter.
#include "engine/index/key_filter.h"

#include <algorithm>

namespace minikv::engine {
namespace {

constexpr std::size_t kKeysPerBlock = 32;

// Scatters what is left of the hash once the block is chosen; 9 bits of the result name a bit of the block.
std::uint64_t mix(std::uint64_t hash) {
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15;
  return hash ^ (hash >> 29);
}

}  // namespace

KeyFilter::KeyFilter(std::size_t keys)
    : blocks_(std::max<std::size_t>(1, (keys + kKeysPerBlock - 1) / kKeysPerBlock)) {}

void KeyFilter::add(std::uint64_t hash) {
  Block& block = blocks_[block_of(hash)];
  // Seven probes of nine bits are in one number, and one in the next.
  std::uint64_t bits = mix(hash);
  for (unsigned probe = 0; probe < kProbes; ++probe) {
    if (probe == 7) bits = mix(~hash);
    block[(bits >> 6) & 7] |= std::uint64_t{1} << (bits & 63);
    bits >>= 9;
  }
}

bool KeyFilter::may_hold(std::string_view key) const {
  const std::uint64_t hash = hash_of(key);
  const Block& block = blocks_[block_of(hash)];
  std::uint64_t bits = mix(hash);
  for (unsigned probe = 0; probe < kProbes; ++probe) {
    if (probe == 7) bits = mix(~hash);
    if ((block[(bits >> 6) & 7] & std::uint64_t{1} << (bits & 63)) == 0) return false;
    bits >>= 9;
  }
  return true;
}

}  // namespace minikv::engine
