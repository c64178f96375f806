// Marks of pages that were touched, and what a major fault says about them.
#include "engine/segment/resident_pages.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>

#include "engine/format/layout.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kLookMs = 10;
constexpr std::int64_t kCarefulEpochMs = 50;  // so that a page counts as resident for 50 to 100 ms
// The careful period, at first. It is doubled whenever it was too short, until it has once been long enough.
constexpr std::int64_t kCarefulMs = 5'000, kMaxCarefulMs = 60'000;
constexpr std::uint64_t kMaxPages = 1024;

struct Pages {
  Pages(std::uint64_t offset, std::uint64_t length)
      : first(offset / kPageBytes), last((offset + (length > 0 ? length - 1 : 0)) / kPageBytes) {}
  std::uint64_t count() const { return last - first + 1; }
  std::uint64_t first, last;
};

// The mark of pages that were touched in `epoch`: never 0, the mark of a page that was never touched.
std::uint16_t mark_of(std::uint64_t epoch) {
  return static_cast<std::uint16_t>(1 + epoch % std::numeric_limits<std::uint16_t>::max());
}

std::uint16_t* zeros(std::size_t count) {
  auto* const marks =
      static_cast<std::uint16_t*>(std::calloc(std::max<std::size_t>(count, 1), sizeof(std::uint16_t)));
  if (marks == nullptr) throw std::bad_alloc();
  return marks;
}

}  // namespace

void PageMarks::Free::operator()(std::uint16_t* marks) const { std::free(marks); }

PageMarks::PageMarks(std::uint64_t file_bytes)
    : count_(static_cast<std::size_t>((file_bytes + kPageBytes - 1) / kPageBytes)), marks_(zeros(count_)) {}

ResidentPages::ResidentPages(const Clock& clock, const FileSystem& file_system)
    : clock_(clock),
      file_system_(file_system),
      waits_seen_(file_system.page_waits()),
      careful_for_ms_(kCarefulMs) {}

bool ResidentPages::has(const PageMarks& marks, std::uint64_t offset, std::uint64_t length) {
  const Pages pages(offset, length);
  if (pages.count() > kMaxPages || pages.last >= marks.count()) return false;
  const std::uint64_t now = epoch();
  const std::uint16_t current = mark_of(now), last = mark_of(now - 1);
  for (std::uint64_t page = pages.first; page <= pages.last; ++page) {
    const std::uint16_t mark = marks.get(static_cast<std::size_t>(page));
    if (mark != current && mark != last) return false;
  }
  return true;
}

void ResidentPages::touch(const PageMarks& marks, std::uint64_t offset, std::uint64_t length) {
  const Pages pages(offset, length);
  if (pages.count() > kMaxPages) return;
  const std::uint16_t current = mark_of(epoch());
  for (std::uint64_t page = pages.first; page <= pages.last && page < marks.count(); ++page) {
    marks.set(static_cast<std::size_t>(page), current);
  }
}

std::uint64_t ResidentPages::epoch() {
  const std::int64_t now_ms = clock_.coarse_ms();
  if (now_ms >= next_look_ms_.load(std::memory_order_relaxed)) look(now_ms);
  return epoch_.load(std::memory_order_relaxed);
}

void ResidentPages::look(std::int64_t now_ms) {
  MutexLock lock(mutex_);
  if (now_ms < next_look_ms_.load(std::memory_order_relaxed)) return;  // another thread was quicker
  const std::uint64_t waits = file_system_.page_waits();
  const bool was_careful = now_ms < careful_until_ms_ + kCarefulEpochMs;
  if (waits != waits_seen_) {
    if (!was_careful) {
      // A wait soon after the last careful period: that was too short.
      const bool is_soon = careful_until_ms_ != 0 && now_ms - careful_until_ms_ < 2 * careful_for_ms_;
      careful_for_ms_ = is_soon ? std::min(2 * careful_for_ms_, kMaxCarefulMs) : kCarefulMs;
      epoch_.fetch_add(2, std::memory_order_relaxed);
    }
    careful_until_ms_ = now_ms + careful_for_ms_;
  }
  waits_seen_ = waits;
  const bool is_careful = now_ms < careful_until_ms_;
  // If no thread has asked for long, all marks are old.
  if (is_careful)
    epoch_.fetch_add(now_ms - last_look_ms_ < 2 * kCarefulEpochMs ? 1 : 2, std::memory_order_relaxed);
  last_look_ms_ = now_ms;
  next_look_ms_.store(now_ms + (is_careful ? kCarefulEpochMs : kLookMs), std::memory_order_relaxed);
}

}  // namespace minikv::engine
