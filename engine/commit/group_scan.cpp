// Walks over the store as a group's tasks see it: the index, with what the group has changed so far in front of it.

#include <algorithm>

#include "engine/commit/group.h"

namespace minikv::engine {

std::vector<std::string_view> Group::pending_keys(const Remaining& remaining) const {
  std::vector<std::string_view> keys;
  for_each_pending([&](const Change& change) {
    if (remaining.contains(change.key)) keys.push_back(change.key);
  });
  std::sort(keys.begin(), keys.end());
  if (remaining.reverse) std::reverse(keys.begin(), keys.end());
  return keys;
}

ScanPage Group::scan(const ScanOptions& options) {
  state_.need_sorted_index();
  const Remaining remaining(options);
  const std::vector<std::string_view> changed = pending_keys(remaining);
  auto next_changed = changed.begin();
  ScanPage page;
  std::uint64_t bytes = 0;
  // False: the page is full.
  const auto take = [&](std::string_view key, const Place& place) {
    if (page.items.size() == options.limit || (bytes >= options.max_bytes && !page.items.empty())) {
      page.more = true;
      return false;
    }
    ScanItem& item = page.items.emplace_back();
    item.key = key;
    item.place = HandleAccess::make(segment_of(place), place);
    bytes += key.size() + place.value_bytes;
    return true;
  };
  const auto take_changed = [&] {
    const std::string_view key = *next_changed++;
    const auto found = present(key);
    return !found || take(key, found->place);
  };
  const auto is_before = [&](std::string_view a, std::string_view b) {
    return remaining.reverse ? b < a : a < b;
  };
  const auto visit = [&](std::string_view key, const Place& place) {
    state_.lock.assert_writer_thread();
    while (next_changed != changed.end() && is_before(*next_changed, key)) {
      if (!take_changed()) return false;
    }
    if (next_changed != changed.end() && *next_changed == key) return take_changed();
    if (!state_.is_there(key, place, now_.engine_ms) || is_covered(key, place)) return true;
    return take(key, place);
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

UnorderedPage Group::walk_unordered(std::uint64_t position, std::size_t count) {
  UnorderedPage page;
  state_.lock.assert_writer_thread();
  page.next = state_.index.walk_unordered(position, count, [&](std::string_view key, const Place&) {
    if (present(key)) page.keys.emplace_back(key);
  });
  return page;
}

std::uint64_t Group::size() {
  state_.lock.assert_writer_thread();
  if (!ranges_.empty()) return size_behind_ranges_;
  std::uint64_t keys = state_.key_count(now_.engine_ms);
  for_each_pending([&](const Change& change) {
    state_.lock.assert_writer_thread();
    if (state_.look_up(change.key, change.hash, now_.engine_ms)) --keys;
    if (present(change.key, change.hash)) ++keys;
  });
  return keys;
}

std::uint64_t Group::room() const {
  const std::uint64_t added = frame_.bytes() - task_begin_.bytes;
  return state_.options.max_batch_bytes - std::min(added, state_.options.max_batch_bytes);
}

}  // namespace minikv::engine
