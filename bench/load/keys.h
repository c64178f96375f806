// Which keys a load asks for.
#pragma once

#include <cstdint>

namespace minikv::bench {

// Numbers by chance, a different sequence for each seed.
//
// Thread safety: not thread-safe.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15U); }
  // From 0 to below 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  static std::uint64_t mix(std::uint64_t number) {
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9U;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EBU;
    return number ^ (number >> 31);
  }

 private:
  std::uint64_t state_;
};

// The keys 0 to `count` - 1, all alike, or by Zipf's law with the exponent 0.99 as YCSB has it: the hottest
// key of a million is then asked for by 7 % of the requests. Hot keys lie anywhere in the key space.
//
// Thread safety: all members may be called from any thread.
class KeyChoice {
 public:
  KeyChoice(std::uint64_t count, bool is_zipfian);
  std::uint64_t next(Random& random) const;

 private:
  std::uint64_t rank(double unit) const;

  const std::uint64_t count_;
  const bool is_zipfian_;
  double zeta_ = 0, eta_ = 0;
};

}  // namespace minikv::bench
