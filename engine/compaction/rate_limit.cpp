// Each piece of work gets the time at which it is earned, and its thread sleeps until then.
#include "engine/compaction/rate_limit.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace minikv::engine {
namespace {

constexpr std::int64_t kSliceUs = 20'000;  // a cancellation is noticed within this time

std::int64_t now_us() {
  using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::steady_clock;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void RateLimit::spend(std::uint64_t bytes, const std::atomic<bool>& cancelled) {
  if (bytes_per_second_ == 0) return;
  std::int64_t mine = 0;
  {
    MutexLock lock(mutex_);
    mine = std::max(free_at_us_, now_us());
    free_at_us_ = mine + static_cast<std::int64_t>(static_cast<double>(bytes) * 1e6 /
                                                   static_cast<double>(bytes_per_second_));
  }
  for (std::int64_t now = now_us(); now < mine && !cancelled.load(std::memory_order_relaxed);
       now = now_us()) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(mine - now, kSliceUs)));
  }
}

}  // namespace minikv::engine
