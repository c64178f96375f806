// Zipfian numbers by the method of Gray et al., "Quickly generating billion-record synthetic
// databases", 1994.
#include "bench/load/keys.h"

#include <algorithm>
#include <cmath>

namespace minikv::bench {
namespace {

constexpr double kExponent = 0.99;

}  // namespace

KeyChoice::KeyChoice(std::uint64_t count, bool is_zipfian) : count_(count), is_zipfian_(is_zipfian) {
  if (!is_zipfian_) return;
  for (std::uint64_t i = 1; i <= count_; ++i) zeta_ += std::pow(1.0 / static_cast<double>(i), kExponent);
  const double zeta_of_two = 1 + std::pow(0.5, kExponent);
  eta_ = (1 - std::pow(2.0 / static_cast<double>(count_), 1 - kExponent)) / (1 - zeta_of_two / zeta_);
}

std::uint64_t KeyChoice::next(Random& random) const {
  if (!is_zipfian_) return random.next() % count_;
  return Random::mix(rank(random.unit())) % count_;
}

std::uint64_t KeyChoice::rank(double unit) const {
  const double scaled = unit * zeta_;
  if (scaled < 1) return 0;
  if (scaled < 1 + std::pow(0.5, kExponent)) return 1;
  const double found = static_cast<double>(count_) * std::pow(eta_ * unit - eta_ + 1, 1 / (1 - kExponent));
  return std::min(static_cast<std::uint64_t>(found), count_ - 1);
}

}  // namespace minikv::bench
