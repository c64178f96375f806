// How a published change changes the count of a range.
#include "engine/core/counted_range.h"

#include <cassert>
#include <utility>

namespace minikv::engine {

bool CountedRange::is_counted(std::string_view key) const {
  if (key < from_) return false;
  if (is_whole_) return to_.empty() || key < to_;
  return has_begun_ && key <= reached_;
}

void CountedRange::add(std::string_view, const Location& location) {
  ++entries_;
  if (location.expiry_ms == 0 || location.expiry_ms > now_ms_) ++keys_;
}

void CountedRange::note_new(std::string_view key, const Location& location) {
  if (is_counted(key)) add(key, location);
}

void CountedRange::note_gone(std::string_view key, const Location& location) {
  if (!is_counted(key)) return;
  assert(!is_right_ || entries_ > 0);
  --entries_;
  if (location.expiry_ms == 0 || location.expiry_ms > now_ms_) --keys_;
}

// A range delete removes the counted part as a whole, or none of it. Otherwise the count is unknown from then
// on.
void CountedRange::note_range(const RangeDelete& range) {
  if (!has_begun_ && !is_whole_) return;
  const bool ends_before = !range.to.empty() && range.to <= from_;
  const bool begins_behind = is_whole_ ? !to_.empty() && range.from >= to_ : range.from > reached_;
  if (ends_before || begins_behind) return;
  const bool ends_behind =
      range.to.empty() || (is_whole_ ? !to_.empty() && range.to >= to_ : range.to > reached_);
  if (range.from <= from_ && ends_behind) {
    entries_ = keys_ = 0;
  } else {
    is_right_ = false;
  }
}

void CountedRanges::add(std::shared_ptr<CountedRange> range) {
  MutexLock lock(mutex_);
  ranges_.push_back(std::move(range));
  count_.store(ranges_.size(), std::memory_order_relaxed);
}

template <typename Visitor>
void CountedRanges::for_each(Visitor visit) {
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < ranges_.size();) {
    if (ranges_[i]->is_wanted()) {
      visit(*ranges_[i++]);
    } else {
      ranges_[i] = std::move(ranges_.back());
      ranges_.pop_back();
    }
  }
  count_.store(ranges_.size(), std::memory_order_relaxed);
}

void CountedRanges::note_new(std::string_view key, const Location& location) {
  for_each([&](CountedRange& range) { range.note_new(key, location); });
}

void CountedRanges::note_gone(std::string_view key, const Location& location) {
  for_each([&](CountedRange& range) { range.note_gone(key, location); });
}

void CountedRanges::note_range(const RangeDelete& deleted) {
  for_each([&](CountedRange& range) { range.note_range(deleted); });
}

}  // namespace minikv::engine
