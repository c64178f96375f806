// Sets glibc's mallopt() thresholds, and decides when malloc_trim() is worth it.
#include "server/memory/heap.h"

#include <malloc.h>

namespace minikv::server {
namespace {

constexpr int kMappedBytes = 1024 * 1024;
constexpr int kHeaps = 4;
constexpr std::uint64_t kWorthTrimmingBytes = std::uint64_t{32} << 20;
constexpr std::chrono::seconds kTrimPause{5};

}  // namespace

void tune_heap() {
  // To be called before there are other threads. A threshold that is set stays: by default it grows with the
  // size of freed blocks, up to 32 MiB.
  mallopt(M_MMAP_THRESHOLD, kMappedBytes);  // NOLINT(concurrency-mt-unsafe)
  mallopt(M_ARENA_MAX, kHeaps);             // NOLINT(concurrency-mt-unsafe)
}

bool HeapTrimmer::is_due(std::uint64_t held) {
  std::uint64_t most = most_.load(std::memory_order_relaxed);
  if (held >= most) {
    most_.store(held, std::memory_order_relaxed);
    return false;
  }
  if (most - held < kWorthTrimmingBytes) return false;
  const auto now = Clock::now();
  Clock::time_point last = last_.load(std::memory_order_relaxed);
  if (now - last < kTrimPause || !last_.compare_exchange_strong(last, now)) return false;
  most_.store(held, std::memory_order_relaxed);
  return true;
}

void HeapTrimmer::trim() { malloc_trim(0); }

}  // namespace minikv::server
