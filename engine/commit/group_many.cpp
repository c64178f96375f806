// What the tasks of a group ask about many keys: found out before they came to the writer, and brought up to date here.

#include <algorithm>

#include "engine/commit/group.h"
#include "engine/core/counted_range.h"
#include "engine/core/found_keys.h"
#include "minikv/key_lookup.h"

namespace minikv::engine {

// ---- look-ups ----

void Group::look_up(KeyLookup& lookup) {
  state_.lock.assert_writer_thread();
  if (!lookup.found_) lookup.found_ = std::make_unique<FoundKeys>(lookup.keys_);
  FoundKeys& found = *lookup.found_;
  if (found.has_lost_its_place(state_)) {
    found.begin_anew();
    found.follow(state_);
    found.add_rest(state_);
  } else {
    (void)found.catch_up(state_, UINT64_MAX);
  }
  found.stop_following();
  found.apply_ranges();
  add_pending(lookup.keys_, found);
  if (!ranges_.empty())
    found.remove_if([this](std::string_view key, const Place& place) { return is_covered(key, place); });
  found.judge(now_.engine_ms);
  lookup.is_done_ = true;
}

// Whichever are fewer are gone through.
void Group::add_pending(std::span<const std::string_view> keys, FoundKeys& found) const {
  const auto add = [&](std::size_t i, const Place& place) {
    if (place.deleted) return found.set_absent(i);
    found.set(i, place, segment_of(place));
  };
  if (pending_.size() <= keys.size()) {
    for_each_pending([&](const Change& change) {
      if (const auto i = found.index_of(change.key)) add(*i, change.place);
    });
    return;
  }
  for (const std::string_view key : keys) {
    const Change* const change = pending(key, hash_of(key));
    if (change == nullptr) continue;
    if (const auto i = found.index_of(key)) add(*i, change->place);
  }
}

// ---- counts ----

Group::Covered Group::count(const RangeDelete& range, const RangeCount& counted) const {
  state_.need_sorted_index();
  Covered covered;
  if (const auto of_index = count_of_index(range, counted.counted_.get())) {
    covered = *of_index;
  } else {
    covered = walk(range);
  }
  for_each_pending([&](const Change& change) {
    if (range.covers(change.key) && !change.place.deleted && !is_covered(change.key, change.place))
      covered.add(change.place, now_.engine_ms);
  });
  return covered;
}

// Of what is in the index, without what this group has changed; nothing: it has to be counted now.
std::optional<Group::Covered> Group::count_of_index(const RangeDelete& range,
                                                    const CountedRange* counted) const {
  if (counted == nullptr || !counted->is_right()) return std::nullopt;
  state_.lock.assert_writer_thread();
  const auto is_apart = [&](const RangeDelete& other) {
    return (!other.to.empty() && other.to <= range.from) || (!range.to.empty() && range.to <= other.from);
  };
  for (const GroupRange& one : ranges_) {
    const RangeDelete& other = one.range;
    if (is_apart(other)) continue;
    const bool covers_all =
        other.from <= range.from && (other.to.empty() || (!range.to.empty() && range.to <= other.to));
    if (covers_all) return Covered();
    return std::nullopt;
  }
  Covered covered{counted->keys(), counted->entries()};
  // What has expired since it was counted.
  state_.index.visit_expiring(counted->now_ms(), now_.engine_ms,
                              [&](std::string_view key, const Place& place) {
                                state_.lock.assert_writer_thread();
                                if (range.covers(key) && !state_.ranges.cover(key, place.sequence))
                                  --covered.keys;
                              });
  for_each_pending([&](const Change& change) {
    if (!range.covers(change.key)) return;
    state_.lock.assert_writer_thread();
    const auto place = state_.index.find(change.key, change.hash);
    if (!place || state_.ranges.cover(change.key, place->sequence)) return;
    --covered.entries;
    if (is_present(*place, now_.engine_ms)) --covered.keys;
  });
  return covered;
}

Group::Covered Group::walk(const RangeDelete& range) const {
  Covered covered;
  state_.lock.assert_writer_thread();
  const Index::Range walked{Index::Start{range.from, true},
                            range.to.empty() ? std::nullopt : std::optional<std::string_view>(range.to)};
  state_.index.walk_range(walked, [&](std::string_view key, const Place& place) {
    state_.lock.assert_writer_thread();
    const bool is_pending = !pending_.is_empty() && pending(key, hash_of(key)) != nullptr;
    if (!is_pending && !state_.ranges.cover(key, place.sequence) && !is_covered(key, place))
      covered.add(place, now_.engine_ms);
    return true;
  });
  return covered;
}

}  // namespace minikv::engine
