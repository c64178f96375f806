// A number determines its key and its value; values are cut from one text of random letters.
#include "bench/support/workload.h"

#include <algorithm>
#include <random>
#include <string>

namespace minikv::bench {
namespace {

constexpr std::string_view kPrefix = "user:";
constexpr std::size_t kOffsets = std::size_t{1} << 20;  // different values before they repeat

std::string random_letters(std::size_t count) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
  std::mt19937_64 random(20'261);
  std::string letters(count, '\0');
  for (char& letter : letters) letter = kLetters[random() % kLetters.size()];
  return letters;
}

}  // namespace

Key key_of(std::uint32_t number) {
  Key key{};
  key.number = number;
  std::copy(kPrefix.begin(), kPrefix.end(), key.bytes.begin());
  for (std::size_t i = kKeyBytes; i > kPrefix.size(); --i) {
    key.bytes[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  return key;
}

std::vector<Key> keys_in_order(std::uint64_t count, std::uint32_t first) {
  std::vector<Key> keys;
  keys.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) keys.push_back(key_of(first + static_cast<std::uint32_t>(i)));
  return keys;
}

std::vector<Key> keys_shuffled(std::uint64_t count, std::uint64_t seed, std::uint32_t first) {
  std::vector<Key> keys = keys_in_order(count, first);
  std::mt19937_64 random(seed);
  std::shuffle(keys.begin(), keys.end(), random);
  return keys;
}

std::string_view value_of(std::uint32_t number, std::size_t bytes) {
  static const std::string letters = random_letters(kOffsets + kMaxValueBytes);
  return std::string_view(letters).substr(number * std::size_t{1021} % kOffsets, bytes);
}

}  // namespace minikv::bench
