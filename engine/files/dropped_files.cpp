// Which files can be recycled, and how many are kept for that.
#include "engine/files/dropped_files.h"

#include <algorithm>

namespace minikv::engine {
namespace {

// A step of compaction drops two or three segments of a small store, and some eight of a large one, of which
// the log needs half before the next step.
constexpr std::uint64_t kMinKept = 2, kMaxKept = 8;
constexpr std::uint64_t kMaxPartOfStore = 4;
constexpr std::uint64_t kMinPartOfSegment = 4;  // the rest of a spare is zeros
constexpr std::uint64_t kMaxSegments = 2;       // a compacted segment may be longer than one of the log

}  // namespace

// Only in `always` does a write wait for a sync that written blocks make quick.
//
// A file that is longer than its segment, or was never cut to it, may have bytes of more than one earlier
// segment.
bool DroppedFiles::is_recyclable(const ManifestSegment& entry, std::uint64_t file_bytes) const {
  const std::uint64_t segment_size = context_.options.segment_size;
  const bool was_sealed = entry.max_seq != 0;
  return context_.options.fsync == Fsync::kAlways && was_sealed && entry.accepted_loss == 0 &&
         file_bytes == entry.size && file_bytes <= kMaxSegments * segment_size &&
         file_bytes >= std::max(segment_size / kMinPartOfSegment, kPageBytes);
}

void DroppedFiles::add(const ManifestSegment& entry, std::uint64_t file_bytes, std::uint64_t store_bytes) {
  const OneAtATime::Scope alone(calls_);
  const std::uint64_t segment_size = context_.options.segment_size;
  if (is_recyclable(entry, file_bytes)) {
    recyclable_.push_back(entry);
    recyclable_bytes_.fetch_add(entry.size, std::memory_order_relaxed);
    changed_at_ms_ = context_.clock.steady_ms();
  } else {
    others_.push_back(entry);
    other_bytes_.fetch_add(entry.size, std::memory_order_relaxed);
  }
  most_ =
      static_cast<std::size_t>(std::clamp(store_bytes / segment_size / kMaxPartOfStore, kMinKept, kMaxKept));
  most_bytes_.store(most_ * segment_size, std::memory_order_relaxed);
}

std::optional<ManifestSegment> DroppedFiles::take_recyclable() {
  const OneAtATime::Scope alone(calls_);
  if (recyclable_.empty()) return std::nullopt;
  const ManifestSegment entry = recyclable_.front();
  recyclable_.pop_front();
  recyclable_bytes_.fetch_sub(entry.size, std::memory_order_relaxed);
  changed_at_ms_ = context_.clock.steady_ms();
  return entry;
}

std::optional<ManifestSegment> DroppedFiles::take(bool all) {
  if (others_.empty()) return all || has_surplus() ? take_recyclable() : std::nullopt;
  const OneAtATime::Scope alone(calls_);
  const ManifestSegment entry = others_.front();
  others_.pop_front();
  other_bytes_.fetch_sub(entry.size, std::memory_order_relaxed);
  return entry;
}

std::uint64_t DroppedFiles::surplus_bytes() const {
  const std::uint64_t recyclable = recyclable_bytes();
  const std::uint64_t kept = std::min(recyclable, most_bytes_.load(std::memory_order_relaxed));
  return other_bytes_.load(std::memory_order_relaxed) + recyclable - kept;
}

}  // namespace minikv::engine
