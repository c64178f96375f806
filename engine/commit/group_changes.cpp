// How a group's changes are kept, found and undone.
#include "engine/commit/group_changes.h"

#include <utility>

namespace minikv::engine {

void GroupChanges::add(std::string_view key, std::uint64_t hash, const Location& location,
                       const char* value) {
  const std::uint32_t before = number_of_newest(key, hash);
  const auto number = static_cast<std::uint32_t>(changes_.size());
  Change& change = changes_.push_back({});
  change.key = key;
  change.hash = hash;
  change.location = location;
  change.value = value;
  change.previous = before;
  if (before == PendingKeys::kNone) {
    newest_.add(hash, number);
  } else {
    newest_.replace(hash, before, number);
  }
}

const RangeDelete& GroupChanges::add_range(RangeDelete range, std::uint64_t newly_covered) {
  const auto number = static_cast<std::uint32_t>(ranges_.size());
  const RangeDelete& added =
      ranges_.emplace_back(GroupRange{std::move(range), newly_covered, {}, nullptr}).range;
  changes_.push_back({}).range = number;
  return added;
}

void GroupChanges::cut(const Mark& mark) noexcept {
  assert(mark.changes <= changes_.size() && mark.ranges <= ranges_.size());
  for (std::size_t i = changes_.size(); i > mark.changes; --i) {
    const Change& change = changes_[i - 1];
    const auto number = static_cast<std::uint32_t>(i - 1);
    if (change.is_range()) continue;
    // The last change is not in `newest_` if its add() has thrown.
    const bool is_found =
        newest_.find(change.hash, [number](std::uint32_t other) { return other == number; }) == number;
    if (!is_found) continue;
    if (change.previous != Change::kNone) {
      newest_.replace(change.hash, number, change.previous);
    } else {
      newest_.remove(change.hash, number);
    }
  }
  changes_.cut(mark.changes);
  while (ranges_.size() > mark.ranges) ranges_.pop_back();
  keys_behind_ranges_ = mark.keys_behind_ranges;
}

bool GroupChanges::only_removes() const {
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    if (!change.is_range() && !change.location.deleted && !change.location.lost) return false;
  }
  return true;
}

GroupChanges::Chunks GroupChanges::shrink(std::size_t kept) {
  newest_.clear();
  ranges_.clear();
  return changes_.clear(kept);
}

}  // namespace minikv::engine
