// How long calls take, and traffic whose calls are measured: for tests that nobody is held up by others'
// large work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "minikv/store.h"
#include "tests/support/test_scale.h"

namespace minikv::test {

// Times mean something only where the compiler has optimized and no sanitizer counts along.
#ifdef NDEBUG
inline constexpr bool kIsRelease = !kIsSanitized;
#else
inline constexpr bool kIsRelease = false;
#endif

// 16 bytes, a different key for each number, in no order.
std::string key_of(std::uint64_t number);

// How long each of many calls took, in milliseconds.
// Thread safety: not thread-safe.
class Latencies {
 public:
  void measure(const std::function<void()>& call);
  void add(const Latencies& others);

  bool is_empty() const { return ms_.empty(); }
  std::size_t count() const { return ms_.size(); }
  // What `share` of the calls took no longer than; 0 without calls.
  double percentile(double share) const;
  double longest() const { return percentile(1); }
  std::string report() const;

 private:
  std::vector<double> ms_;
};

// What the two threads of Traffic do.
struct TrafficKeys {
  std::string read_prefix;
  std::uint64_t read_keys = 1;
  std::string written_prefix;
  std::uint64_t written_keys = 1;
  std::string value = "w";  // that is written
};

// One thread writes and another reads, each without a pause, until `is_over` says so: it is asked after every
// write. Of `read_keys` and `written_keys` each key is the prefix and key_of() a number below; those that are
// read must be there.
struct Traffic {
  Traffic(Store& store, const TrafficKeys& keys, const std::function<bool()>& is_over);
  void print(const char* when) const;
  void add(const Traffic& others);

  Latencies writes, reads;
};

}  // namespace minikv::test
