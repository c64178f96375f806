// Look-ups, walks and counts over the index and a group's changes.
#include "engine/commit/group_view.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/core/counted_range.h"
#include "engine/core/found_keys.h"
#include "engine/core/value_reader.h"
#include "minikv/key_lookup.h"
#include "minikv/store.h"

namespace minikv::engine {

// ---- one key ----

std::optional<GroupView::Present> GroupView::find(std::string_view key, std::uint64_t hash) const {
  if (const Change* const change = changes_.newest(key, hash)) {
    const Location& location = change->location;
    if (location.deleted || !is_present(location, now_.engine_ms) || changes_.is_covered(key, location))
      return std::nullopt;
    return Present{location, change->value};
  }
  state_.lock.assert_writer_thread();
  const auto location = state_.look_up(key, hash, now_.engine_ms);
  if (!location || changes_.is_covered(key, *location)) return std::nullopt;
  return Present{*location, nullptr};
}

SegmentPtr GroupView::segment_of(const Location& location) const {
  assert(is_begun());
  if (location.segment == segment_->id()) return segment_;
  state_.lock.assert_writer_thread();
  return state_.segment_of(location);
}

// ---- walks ----

// The keys of the walk that the group has changed, in the order of the walk.
std::vector<std::string_view> GroupView::changed_keys(const Remaining& remaining) const {
  std::vector<std::string_view> keys;
  changes_.for_each_newest([&](const Change& change) {
    if (remaining.contains(change.key)) keys.push_back(change.key);
  });
  std::sort(keys.begin(), keys.end());
  if (remaining.reverse) std::reverse(keys.begin(), keys.end());
  return keys;
}

ScanPage GroupView::scan(const ScanOptions& options) const {
  state_.need_sorted_index();
  const Remaining remaining(options);
  const std::vector<std::string_view> changed = changed_keys(remaining);
  auto next_changed = changed.begin();
  ScanPage page;
  std::uint64_t bytes = 0;
  // False: the page is full.
  const auto take = [&](std::string_view key, const Location& location) {
    if (page.items.size() == options.limit || (bytes >= options.max_bytes && !page.items.empty())) {
      page.more = true;
      return false;
    }
    ScanItem& item = page.items.emplace_back();
    item.key = key;
    item.handle = HandleAccess::make(segment_of(location), location);
    bytes += key.size() + location.value_bytes;
    return true;
  };
  const auto take_changed = [&] {
    const std::string_view key = *next_changed++;
    const auto found = find(key);
    return !found || take(key, found->location);
  };
  const auto is_before = [&](std::string_view a, std::string_view b) {
    return remaining.reverse ? b < a : a < b;
  };
  const auto visit = [&](std::string_view key, const Location& location) {
    state_.lock.assert_writer_thread();
    while (next_changed != changed.end() && is_before(*next_changed, key)) {
      if (!take_changed()) return false;
    }
    if (next_changed != changed.end() && *next_changed == key) return take_changed();
    if (!state_.is_there(key, location, now_.engine_ms) || changes_.is_covered(key, location)) return true;
    return take(key, location);
  };
  state_.lock.assert_writer_thread();
  if (remaining.reverse) {
    state_.index.walk_range_back(remaining.range(), visit);
  } else {
    state_.index.walk_range(remaining.range(), visit);
  }
  while (!page.more && next_changed != changed.end()) {
    if (!take_changed()) break;
  }
  return page;
}

UnorderedPage GroupView::walk_unordered(std::uint64_t position, std::size_t count) const {
  UnorderedPage page;
  state_.lock.assert_writer_thread();
  page.next = state_.index.walk_unordered(position, count, [&](std::string_view key, const Location&) {
    if (find(key)) page.keys.emplace_back(key);
  });
  return page;
}

std::uint64_t GroupView::size() const {
  state_.lock.assert_writer_thread();
  if (!changes_.ranges().empty()) return changes_.keys_behind_ranges();
  std::uint64_t keys = state_.key_count(now_.engine_ms);
  changes_.for_each_newest([&](const Change& change) {
    state_.lock.assert_writer_thread();
    if (state_.look_up(change.key, change.hash, now_.engine_ms)) --keys;
    if (find(change.key, change.hash)) ++keys;
  });
  return keys;
}

// ---- look-ups ----

void GroupView::look_up(KeyLookup& lookup) const {
  state_.lock.assert_writer_thread();
  if (!lookup.found_) lookup.found_ = std::make_unique<FoundKeys>(lookup.keys_);
  FoundKeys& found = *lookup.found_;
  if (found.has_lost_its_position(state_)) {
    found.begin_anew();
    found.follow(state_);
    found.add_rest(state_);
  } else {
    (void)found.catch_up(state_, UINT64_MAX);
  }
  found.stop_following();
  found.apply_ranges();
  add_changed(lookup.keys_, found);
  if (!changes_.ranges().empty()) {
    found.remove_if([this](std::string_view key, const Location& location) {
      return changes_.is_covered(key, location);
    });
  }
  found.judge(now_.engine_ms);
  lookup.is_done_ = true;
}

// Goes through the keys or through the changes, whichever are fewer.
void GroupView::add_changed(std::span<const std::string_view> keys, FoundKeys& found) const {
  const auto add = [&](std::size_t i, const Location& location) {
    if (location.deleted) return found.set_absent(i);
    found.set(i, location, segment_of(location));
  };
  if (changes_.changed_keys() <= keys.size()) {
    changes_.for_each_newest([&](const Change& change) {
      if (const auto i = found.index_of(change.key)) add(*i, change.location);
    });
    return;
  }
  for (const std::string_view key : keys) {
    const Change* const change = changes_.newest(key, hash_of(key));
    if (change == nullptr) continue;
    if (const auto i = found.index_of(key)) add(*i, change->location);
  }
}

// ---- counts ----

GroupView::Covered GroupView::count(const RangeDelete& range, const RangeCount& counted) const {
  state_.need_sorted_index();
  Covered covered;
  if (const auto of_index = count_of_index(range, counted.counted_.get())) {
    covered = *of_index;
  } else {
    covered = walk(range);
  }
  changes_.for_each_newest([&](const Change& change) {
    if (range.covers(change.key) && !change.location.deleted &&
        !changes_.is_covered(change.key, change.location))
      covered.add(change.location, now_.engine_ms);
  });
  return covered;
}

// Counts the entries of the index, without the keys that the group has changed. Nothing: the prepared count
// does not apply, and the caller has to walk.
std::optional<GroupView::Covered> GroupView::count_of_index(const RangeDelete& range,
                                                            const CountedRange* counted) const {
  if (counted == nullptr || !counted->is_right()) return std::nullopt;
  state_.lock.assert_writer_thread();
  const auto is_apart = [&](const RangeDelete& other) {
    return (!other.to.empty() && other.to <= range.from) || (!range.to.empty() && range.to <= other.from);
  };
  for (const GroupRange& one : changes_.ranges()) {
    const RangeDelete& other = one.range;
    if (is_apart(other)) continue;
    const bool covers_all =
        other.from <= range.from && (other.to.empty() || (!range.to.empty() && range.to <= other.to));
    if (covers_all) return Covered();
    return std::nullopt;
  }
  Covered covered{counted->keys(), counted->entries()};
  // Keys that have expired since the count.
  state_.index.visit_expiring(counted->now_ms(), now_.engine_ms,
                              [&](std::string_view key, const Location& location) {
                                state_.lock.assert_writer_thread();
                                if (range.covers(key) && !state_.ranges.cover(key, location.sequence))
                                  --covered.keys;
                              });
  changes_.for_each_newest([&](const Change& change) {
    if (!range.covers(change.key)) return;
    state_.lock.assert_writer_thread();
    const auto location = state_.index.find(change.key, change.hash);
    if (!location || state_.ranges.cover(change.key, location->sequence)) return;
    --covered.entries;
    if (is_present(*location, now_.engine_ms)) --covered.keys;
  });
  return covered;
}

GroupView::Covered GroupView::walk(const RangeDelete& range) const {
  Covered covered;
  state_.lock.assert_writer_thread();
  const Index::Range walked{Index::Start{range.from, true},
                            range.to.empty() ? std::nullopt : std::optional<std::string_view>(range.to)};
  state_.index.walk_range(walked, [&](std::string_view key, const Location& location) {
    state_.lock.assert_writer_thread();
    const bool is_changed = changes_.changed_keys() > 0 && changes_.newest(key, hash_of(key)) != nullptr;
    if (!is_changed && !state_.ranges.cover(key, location.sequence) && !changes_.is_covered(key, location))
      covered.add(location, now_.engine_ms);
    return true;
  });
  return covered;
}

}  // namespace minikv::engine
