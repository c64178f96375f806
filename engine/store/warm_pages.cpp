#include "engine/store/warm_pages.h"

#include <bit>
#include <cassert>

#include "engine/format/layout.h"

namespace minikv::engine {
namespace {

constexpr unsigned kTickBits = 20;  // come round after more than four hours
constexpr std::uint64_t kTickMask = (std::uint64_t{1} << kTickBits) - 1;
constexpr unsigned kTickShift = 4;       // a tick is 16 ms
constexpr std::uint64_t kWarmTicks = 6;  // about 100 ms
constexpr std::uint64_t kMaxPages = 1024;

// A bijection of 64 bits (the finalizer of MurmurHash3): different pages have different hashes.
std::uint64_t hash_of(std::uint64_t segment_id, std::uint64_t page) {
  std::uint64_t h = segment_id << 24 ^ page;
  h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD;
  h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53;
  return h ^ h >> 33;
}

struct Pages {
  Pages(std::uint64_t offset, std::uint64_t length)
      : first(offset / kPageBytes), last((offset + (length > 0 ? length - 1 : 0)) / kPageBytes) {}
  std::uint64_t count() const { return last - first + 1; }
  std::uint64_t first, last;
};

}  // namespace

WarmPages::WarmPages(const Clock& clock, std::size_t slots)
    : clock_(clock),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots))),
      slots_(std::make_unique<Slot[]>(slots)) {
  assert(std::has_single_bit(slots) && slots > 1);
}

std::uint64_t WarmPages::now() const {
  return static_cast<std::uint64_t>(clock_.coarse_ms()) >> kTickShift & kTickMask;
}

bool WarmPages::has(std::uint64_t segment_id, std::uint64_t offset, std::uint64_t length) const {
  const Pages pages(offset, length);
  if (pages.count() > kMaxPages) return false;
  const std::uint64_t tick = now();
  for (std::uint64_t page = pages.first; page <= pages.last; ++page) {
    const std::uint64_t hash = hash_of(segment_id, page);
    const std::uint64_t slot = slots_[hash >> shift_].load(std::memory_order_relaxed);
    const bool is_it = slot >> kTickBits == (hash << kTickBits) >> kTickBits;
    if (!is_it || ((tick - slot) & kTickMask) > kWarmTicks) return false;
  }
  return true;
}

void WarmPages::touch(std::uint64_t segment_id, std::uint64_t offset, std::uint64_t length) {
  const Pages pages(offset, length);
  if (pages.count() > kMaxPages) return;
  const std::uint64_t tick = now();
  for (std::uint64_t page = pages.first; page <= pages.last; ++page) {
    const std::uint64_t hash = hash_of(segment_id, page);
    slots_[hash >> shift_].store(hash << kTickBits | tick, std::memory_order_relaxed);
  }
}

}  // namespace minikv::engine
