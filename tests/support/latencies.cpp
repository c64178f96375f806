// Percentiles of what was measured, and threads that read and write meanwhile.
#include "tests/support/latencies.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace minikv::test {

std::string key_of(std::uint64_t number) {
  std::uint64_t mixed = (number + 1) * 0x9E3779B97F4A7C15;
  mixed = (mixed ^ mixed >> 31) * 0xBF58476D1CE4E5B9;
  return fmt::format("{:016x}", mixed ^ mixed >> 29);
}

void Latencies::measure(const std::function<void()>& call) {
  using std::chrono::duration, std::chrono::steady_clock;
  const auto begin = steady_clock::now();
  call();
  ms_.push_back(duration<double, std::milli>(steady_clock::now() - begin).count());
}

void Latencies::add(const Latencies& others) { ms_.insert(ms_.end(), others.ms_.begin(), others.ms_.end()); }

double Latencies::percentile(double share) const {
  if (ms_.empty()) return 0;
  std::vector<double> ordered = ms_;
  const auto at =
      ordered.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(ordered.size() - 1));
  std::nth_element(ordered.begin(), at, ordered.end());
  return *at;
}

std::string Latencies::report() const {
  return fmt::format("{} calls, p50 {:.3f} p99 {:.3f} p99.9 {:.3f} max {:.3f} ms", count(), percentile(0.5),
                     percentile(0.99), percentile(0.999), longest());
}

Traffic::Traffic(Store& store, const TrafficKeys& keys, const std::function<bool()>& is_over) {
  std::atomic<bool> over{false};
  std::thread reader([&] {
    for (std::uint64_t i = 0; !over; ++i) {
      const std::string key = keys.read_prefix + key_of(i % keys.read_keys);
      reads.measure([&] { EXPECT_TRUE(store.get(key)); });
    }
  });
  for (std::uint64_t i = 0; !is_over(); ++i) {
    const std::string key = keys.written_prefix + key_of(i % keys.written_keys);
    writes.measure([&] { EXPECT_TRUE(store.set(key, keys.value)); });
  }
  over = true;
  reader.join();
}

void Traffic::print(const char* when) const {
  fmt::print("  {}:\n    writes: {}\n    reads: {}\n", when, writes.report(), reads.report());
}

void Traffic::add(const Traffic& others) {
  writes.add(others.writes);
  reads.add(others.reads);
}

}  // namespace minikv::test
