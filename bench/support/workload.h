// Keys and values: made before the clock runs, and the same in every run. A benchmark can therefore check
// what it reads back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace minikv::bench {

inline constexpr std::size_t kKeyBytes = 16;
inline constexpr std::size_t kValueBytes = 100;

// The key of a number, "user:00000000042": byte order is the order of the numbers.
struct Key {
  std::array<char, kKeyBytes> bytes;
  std::uint32_t number;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
};
Key key_of(std::uint32_t number);

// The keys of the numbers from `first` on, in their order or in a random one that depends on the seed alone.
// They lie in memory in that order, so iterating over them costs next to nothing beside the measured work.
std::vector<Key> keys_in_order(std::uint64_t count, std::uint32_t first = 0);
std::vector<Key> keys_shuffled(std::uint64_t count, std::uint64_t seed, std::uint32_t first = 0);

// The value of a number: a piece, up to kMaxValueBytes long, of one text of random letters, which all values
// share.
inline constexpr std::size_t kMaxValueBytes = 1024 * 1024;
std::string_view value_of(std::uint32_t number, std::size_t bytes = kValueBytes);

// Iterates over the keys in an endless cycle.
class Cycle {
 public:
  explicit Cycle(const std::vector<Key>& keys, std::size_t start = 0)
      : keys_(keys), next_(start % keys.size()) {}
  const Key& next() {
    const Key& key = keys_[next_];
    if (++next_ == keys_.size()) next_ = 0;
    return key;
  }

 private:
  const std::vector<Key>& keys_;
  std::size_t next_;
};

}  // namespace minikv::bench
