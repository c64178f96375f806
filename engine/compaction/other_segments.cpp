// Asks the filters of sealed segments, and their hints, for older records.
#include "engine/compaction/other_segments.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/core/hint_file.h"
#include "engine/format/file_names.h"

namespace minikv::engine {

void OtherSegments::set(std::vector<Other> others) {
  assert(others_.empty());
  others_ = std::move(others);
  std::sort(others_.begin(), others_.end(),
            [](const Other& a, const Other& b) { return a.entry.min_seq < b.entry.min_seq; });
}

bool OtherSegments::may_drop_tombstone(std::string_view key, std::uint64_t sequence) const {
  for (const Other& other : others_) {
    if (other.entry.min_seq > sequence) return true;
    const SegmentKeys* const keys = other.segment ? other.segment->keys() : nullptr;
    if (keys == nullptr || keys->may_hold(key)) return false;
  }
  return true;
}

bool OtherSegments::may_drop(const RangeDelete& range) const {
  for (const Other& other : others_) {
    if (other.entry.min_seq > range.sequence) return true;
    const SegmentKeys* const keys = other.segment ? other.segment->keys() : nullptr;
    if (keys == nullptr) return false;
    if (keys->may_hold_any(range.from, range.to) && !holds_none_of(range, other)) return false;
  }
  return true;
}

// Reads the hint, which is exact: range deletes are few.
bool OtherSegments::holds_none_of(const RangeDelete& range, const Other& other) const {
  const auto hint = read_hint(file_system_, directory_ + "/" + hint_name(id_of(other.entry)),
                              hint_identity(keeper_.manifest().store_id(), other.entry));
  if (!hint) return false;
  return hint->for_each([&](const HintEntry& entry) {
    return entry.header.type == RecordType::kRangeDelete || !range.covers(entry.key) ||
           entry.header.sequence > range.sequence;
  });
}

}  // namespace minikv::engine
