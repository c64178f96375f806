// One slice of a sweep: some entries are found, then taken out.
#include "engine/commit/range_sweep.h"

#include <cassert>

namespace minikv::engine {
namespace {

constexpr std::size_t kSliceKeys = 64;
constexpr std::size_t kSimulatedSliceKeys = 3;
// Maximum number of entries that a slice looks at, for each one that it may take out: newer keys may stand
// between them.
constexpr std::size_t kLooksPerSlice = 16;

}  // namespace

std::size_t RangeSweep::slice_keys() const {
  return state_.options.single_threaded ? kSimulatedSliceKeys : kSliceKeys;
}

std::optional<std::int64_t> RangeSweep::due_in_ms() {
  state_.lock.assert_writer_thread();
  if (state_.ranges.is_empty() || rests_ || !state_.index.is_in_order()) return std::nullopt;
  return 0;
}

void RangeSweep::run_slice() {
  rests_ = state_.options.single_threaded;
  const bool is_over = find_some();
  ExclusiveGuard guard(state_.lock);
  for (const std::string& key : found_) {
    if (const auto location = state_.index.erase(key)) state_.forget(key, *location);
  }
  if (is_over) state_.ranges.remove(sweeping_);
}

// Fills `found_`. Returns whether the range has been walked to its end.
bool RangeSweep::find_some() {
  state_.lock.assert_writer_thread();
  assert(!state_.ranges.is_empty() && state_.index.is_in_order());
  const RangeDelete& range = state_.ranges.ranges().front();
  if (sweeping_ != range.sequence) {
    sweeping_ = range.sequence;
    reached_ = range.from;
  }
  const bool is_first = reached_ == range.from;
  const Index::Range rest{Index::Start{reached_, is_first},
                          range.to.empty() ? std::nullopt : std::optional<std::string_view>(range.to)};
  found_.clear();
  bool is_over = true;
  std::size_t looks = 0;
  std::string reached;
  state_.index.walk_range(rest, [&](std::string_view key, const Location& location) {
    if (found_.size() == slice_keys() || looks == kLooksPerSlice * slice_keys()) {
      is_over = false;
      return false;
    }
    ++looks;
    reached = key;
    if (location.sequence < range.sequence) found_.emplace_back(key);
    return true;
  });
  if (looks > 0) reached_ = reached;
  return is_over;
}

}  // namespace minikv::engine
