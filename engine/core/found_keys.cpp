// A hash table of the keys that were asked for, and what the index says of each.
#include "engine/core/found_keys.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

#include "engine/index/hash.h"

namespace minikv::engine {

FoundKeys::FoundKeys(std::span<const std::string_view> keys) : keys_(keys) {
  const std::size_t slots = std::bit_ceil(std::max<std::size_t>(keys.size() * 3 / 2, 16));
  table_.assign(slots, kNone);
  mask_ = slots - 1;
  hashes_.resize(keys.size());
  found_at_.assign(keys.size(), kNone);
}

void FoundKeys::begin_anew() {
  added_ = 0;
  std::fill(table_.begin(), table_.end(), kNone);
  std::fill(found_at_.begin(), found_at_.end(), kNone);
  first_.clear();
  (void)found_.clear(0);
  segments_.clear();
  segment_numbers_.clear();
  ranges_.clear();
  first_expiry_ms_ = INT64_MAX;
}

// ---- the keys ----

// False: the same key was named before.
bool FoundKeys::add(std::uint32_t key) {
  const std::uint64_t hash = hashes_[key] = hash_of(keys_[key]);
  std::size_t slot = static_cast<std::size_t>(hash) & mask_;
  for (; table_[slot] != kNone; slot = (slot + 1) & mask_) {
    const std::uint32_t other = table_[slot];
    if (hashes_[other] != hash || keys_[other] != keys_[key]) continue;
    if (first_.empty()) name_each_first();
    first_[key] = other;
    return false;
  }
  table_[slot] = key;
  return true;
}

void FoundKeys::name_each_first() {
  first_.resize(keys_.size());
  for (std::size_t i = 0; i < first_.size(); ++i) first_[i] = static_cast<std::uint32_t>(i);
}

template <typename Visitor>
void FoundKeys::for_each_with(std::uint64_t hash, Visitor visit) const {
  for (std::size_t slot = static_cast<std::size_t>(hash) & mask_; table_[slot] != kNone;
       slot = (slot + 1) & mask_) {
    if (hashes_[table_[slot]] == hash) visit(table_[slot]);
  }
}

std::optional<std::size_t> FoundKeys::index_of(std::string_view key) const {
  std::optional<std::size_t> index;
  for_each_with(hash_of(key), [&](std::uint32_t i) {
    if (keys_[i] == key) index = i;
  });
  return index;
}

// The next keys that are to be looked up.
std::span<FoundKeys::Looked> FoundKeys::next(std::span<Looked, kKeysPerHold> room) {
  std::size_t count = 0;
  const std::size_t last = std::min(added_ + kKeysPerHold, keys_.size());
  for (; added_ < last; ++added_) {
    if (add(static_cast<std::uint32_t>(added_))) room[count++].key = static_cast<std::uint32_t>(added_);
  }
  return room.first(count);
}

bool FoundKeys::add_some(SharedState& state) {
  std::array<Looked, kKeysPerHold> room;
  const std::span<Looked> wanted = next(room);
  {
    SharedGuard guard(state.lock);
    look(state, wanted);
  }
  for (const Looked& one : wanted) keep(one);
  return added_ < keys_.size();
}

void FoundKeys::add_rest(const SharedState& state) {
  std::array<Looked, kKeysPerHold> room;
  while (added_ < keys_.size()) {
    const std::span<Looked> wanted = next(room);
    look(state, wanted);
    for (const Looked& one : wanted) keep(one);
  }
}

// ---- what is there ----

void FoundKeys::look(const SharedState& state, std::span<Looked> wanted) {
  std::array<std::string_view, Index::kMaxPrefetched> keys;
  std::array<std::uint64_t, Index::kMaxPrefetched> hashes;
  std::array<std::optional<Location>, Index::kMaxPrefetched> locations;
  while (!wanted.empty()) {
    const std::size_t count = std::min(wanted.size(), keys.size());
    for (std::size_t i = 0; i < count; ++i) {
      keys[i] = keys_[wanted[i].key];
      hashes[i] = hashes_[wanted[i].key];
    }
    state.index.find_all(std::span(keys).first(count), hashes, locations);
    for (std::size_t i = 0; i < count; ++i) {
      Looked& looked = wanted[i];
      looked.location = locations[i];
      if (looked.location && state.ranges.cover(keys[i], looked.location->sequence)) looked.location.reset();
      if (looked.location) looked.segment = number_of(state, looked.location->segment);
    }
    wanted = wanted.subspan(count);
  }
}

// The number of the segment in `segments_`, which pins it.
std::uint32_t FoundKeys::number_of(const SharedState& state, SegmentId segment) {
  const auto [known, is_new] =
      segment_numbers_.try_emplace(segment, static_cast<std::uint32_t>(segments_.size()));
  if (is_new) {
    const auto found = state.segments.find(segment);
    segments_.push_back(found == state.segments.end() ? nullptr : found->second);
  }
  return known->second;
}

void FoundKeys::keep(const Looked& looked) {
  if (!looked.location) return set_absent(looked.key);
  std::uint32_t& at = found_at_[looked.key];
  if (at == kNone) {
    found_.push_back({});
    at = static_cast<std::uint32_t>(found_.size() - 1);
  }
  found_[at] = {*looked.location, looked.key, looked.segment};
  if (looked.location->expiry_ms != 0)
    first_expiry_ms_ = std::min(first_expiry_ms_, looked.location->expiry_ms);
}

void FoundKeys::set(std::size_t key, const Location& location, SegmentPtr segment) {
  assert(key < keys_.size() && !location.deleted);
  const auto [known, is_new] =
      segment_numbers_.try_emplace(location.segment, static_cast<std::uint32_t>(segments_.size()));
  if (is_new) segments_.push_back(std::move(segment));
  keep({static_cast<std::uint32_t>(key), location, known->second});
}

// ---- what changes meanwhile ----

bool FoundKeys::catch_up(const SharedState& state, std::uint64_t limit) {
  assert(!has_lost_its_position(state));
  changed_.clear();
  state.journal.read(
      follower_, limit,
      [this](std::uint64_t hash) {
        for_each_with(hash, [this](std::uint32_t key) { changed_.push_back({key, std::nullopt, 0}); });
      },
      [this](const RangeDelete& range) { ranges_.push_back(range); });
  look(state, changed_);
  for (const Looked& one : changed_) keep(one);
  return state.journal.unseen(follower_) == 0;
}

void FoundKeys::apply_ranges() {
  if (ranges_.empty()) return;
  RangeDeletes deletes;
  deletes.add(ranges_);
  remove_if(
      [&](std::string_view key, const Location& location) { return deletes.cover(key, location.sequence); });
  ranges_.clear();
}

void FoundKeys::judge(std::int64_t now_ms) {
  assert(added_ == keys_.size() && ranges_.empty() && "apply_ranges() comes before");
  if (first_expiry_ms_ > now_ms) return;
  first_expiry_ms_ = INT64_MAX;
  remove_if([&](std::string_view, const Location& location) {
    if (!is_present(location, now_ms)) return true;
    if (location.expiry_ms != 0) first_expiry_ms_ = std::min(first_expiry_ms_, location.expiry_ms);
    return false;
  });
}

// ---- the answer ----

const FoundKeys::Found* FoundKeys::found_of(std::size_t key) const {
  assert(key < keys_.size());
  const std::uint32_t at = found_at_[first_of(key)];
  return at == kNone ? nullptr : &found_[at];
}

std::size_t FoundKeys::count() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < keys_.size(); ++i) count += is_there(i) ? 1U : 0U;
  return count;
}

std::optional<ValueHandle> FoundKeys::handle(std::size_t key) const {
  const Found* const found = found_of(key);
  if (found == nullptr) return std::nullopt;
  return HandleAccess::make(segments_[found->segment], found->location);
}

std::uint64_t FoundKeys::sequence(std::size_t key) const {
  const Found* const found = found_of(key);
  return found == nullptr ? 0 : found->location.sequence;
}

std::size_t FoundKeys::next_there(std::size_t key) const {
  while (key < keys_.size() && (found_at_[key] == kNone)) ++key;
  return key;
}

}  // namespace minikv::engine
