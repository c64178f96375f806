// Latencies in little memory: as many as there are, with a relative error of at most 1/64.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace minikv::bench {

// Counts nanoseconds in buckets. Buckets are exact below 128 ns; above, 64 of them share each power of two.
//
// Thread safety: not thread-safe.
class Histogram {
 public:
  void add(std::uint64_t ns) {
    ++counts_[bucket_of(ns)];
    ++count_;
    max_ = std::max(max_, ns);
  }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  // The latency that a `share` of all does not exceed, from 0 to 1; 0 without any.
  std::uint64_t percentile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted && seen > 0) return std::min(upper_end(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kBits = 6;

  static std::size_t bucket_of(std::uint64_t ns) {
    if (ns < (std::uint64_t{2} << kBits)) return static_cast<std::size_t>(ns);
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - kBits - 1;
    return (std::size_t{shift} << kBits) + static_cast<std::size_t>(ns >> shift);
  }
  static std::uint64_t upper_end(std::size_t bucket) {
    if (bucket < (std::size_t{2} << kBits)) return bucket;
    const std::size_t shift = (bucket >> kBits) - 1;
    return ((bucket - (shift << kBits) + 1) << shift) - 1;
  }

  std::array<std::uint64_t, ((64 - kBits) << kBits) + (std::size_t{1} << kBits)> counts_{};
  std::uint64_t count_ = 0, max_ = 0;
};

}  // namespace minikv::bench
