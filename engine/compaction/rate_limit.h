// How fast compaction may read and write.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/thread_annotations.h"

namespace minikv::engine {

// Spreads the work of all threads that spend from the limit over time.
// Thread safety: all members may be called from any thread.
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}  // 0: no limit

  // Waits until `bytes` more may be spent, or `cancelled` is set.
  void spend(std::uint64_t bytes, const std::atomic<bool>& cancelled) MINIKV_EXCLUDES(mutex_);

 private:
  const std::uint64_t bytes_per_second_;
  Mutex mutex_;
  std::int64_t free_at_us_ MINIKV_GUARDED_BY(mutex_) = 0;  // when all that was spent will have been earned
};

}  // namespace minikv::engine
