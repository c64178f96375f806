#include "engine/store/group.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <new>
#include <utility>

#include "minikv/key_lookup.h"

namespace minikv::engine {

void Group::begin(std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t first_sequence,
                  const StoreTime& now) {
  logged_since_ += frame_.bytes();  // of the group before
  growth_ = 0;
  if (is_near_index_limit(0)) look_at_index();
  changes_.cut(0);
  pending_.clear();
  ranges_.clear();
  frame_.begin(segment->identity(), offset);
  segment_ = std::move(segment);
  next_sequence_ = first_sequence;
  now_ = now;
}

void Group::end() {
  constexpr std::uint64_t kLargeFrameBytes = 16 * kMiB;
  constexpr std::size_t kManyChanges = 64 * 1024;
  segment_.reset();
  if (frame_.bytes() < kLargeFrameBytes && changes_.size() < kManyChanges) return;
  pending_.clear();
  ranges_.clear();
  struct Rest {
    FrameBuilder::Rest frame;
    ChunkedVector<Change>::Chunks changes;
  };
  try {
    auto rest = std::make_shared<Rest>();
    rest->frame = frame_.shrink();
    rest->changes = changes_.clear(kManyChanges / 16);
    state_.background.free_later(std::move(rest));
  } catch (const std::bad_alloc&) {
    // It is done after a later group, or goes here.
  }
}

// ---- the index's limit ----

namespace {

// To give a key that is there an expiry takes memory, too. It may go on where no key may be added, up to such a part of the
// limit beyond it.
constexpr std::int64_t kExpiriesPart = 8;

}  // namespace

// `bytes` more in the log make the index at most kGrowth times as much larger.
bool Group::is_near_index_limit(std::uint64_t bytes) const {
  constexpr std::uint64_t kGrowth = 4, kPlentyBytes = 64 * kMiB;
  const std::uint64_t limit = state_.options.max_index_bytes;
  return limit != 0 && index_bytes_ + kGrowth * (logged_since_ + bytes) + kPlentyBytes > limit;
}

void Group::look_at_index() {
  state_.lock.assert_writer_thread();
  index_bytes_ = state_.index.memory_bytes();
  logged_since_ = 0;
}

std::int64_t Group::index_growth(std::string_view key, std::uint64_t hash, const Pending& now) const {
  const std::optional<Pending> before = present(key, hash);
  const bool is_there = !now.place.deleted && is_present(now.place, now_.engine_ms);
  const auto bytes_of = [&](const Place& place) {
    return static_cast<std::int64_t>(Index::bytes_of_key(key.size(), place));
  };
  return (is_there ? bytes_of(now.place) : 0) - (before ? bytes_of(before->place) : 0);
}

bool Group::passes_index_limit() const {
  if (!counts_growth_ || task_growth_ <= 0) return false;
  const auto limit = static_cast<std::int64_t>(state_.options.max_index_bytes);
  const std::int64_t for_expiries = task_adds_keys_ ? 0 : limit / kExpiriesPart;
  return static_cast<std::int64_t>(index_bytes_) + growth_ + task_growth_ > limit + for_expiries;
}

// ---- a task ----

void Group::begin_task(std::span<OldValue> old_values, std::size_t bytes) {
  counts_growth_ = is_near_index_limit(frame_.bytes() + bytes);
  if (counts_growth_ && logged_since_ > 0) look_at_index();
  task_growth_ = 0;
  task_adds_keys_ = false;
  old_values_ = old_values;
  task_begin_ = frame_.mark();
  task_first_change_ = changes_.size();
  task_first_range_ = ranges_.size();
  task_first_sequence_ = next_sequence_;
  task_size_behind_ranges_ = size_behind_ranges_;
}

void Group::end_task() {
  if (!task_has_changes()) return;
  growth_ += task_growth_;
  changes_.back().ends_task = true;
  frame_.join_batch(task_begin_.records);
}

void Group::abort_task() noexcept {
  for (std::size_t i = changes_.size(); i > task_first_change_; --i) {
    const Change& change = changes_[i - 1];
    const auto number = static_cast<std::uint32_t>(i - 1);
    if (change.is_range()) continue;
    // The last one may not have come so far as to be found.
    const bool is_found =
        pending_.find(change.hash, [number](std::uint32_t other) { return other == number; }) == number;
    if (!is_found) continue;
    if (change.previous != Change::kNone) {
      pending_.replace(change.hash, number, change.previous);
    } else {
      pending_.remove(change.hash, number);
    }
  }
  changes_.cut(task_first_change_);
  while (ranges_.size() > task_first_range_) ranges_.pop_back();
  frame_.cut(task_begin_);
  next_sequence_ = task_first_sequence_;
  size_behind_ranges_ = task_size_behind_ranges_;
}

bool Group::only_removes() const {
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    if (!change.is_range() && !change.place.deleted && !change.place.lost) return false;
  }
  return true;
}

std::optional<Group::Pending> Group::present(std::string_view key, std::uint64_t hash) const {
  if (const Change* const change = pending(key, hash)) {
    const Place& place = change->place;
    if (place.deleted || !is_present(place, now_.engine_ms) || is_covered(key, place)) return std::nullopt;
    return Pending{place, change->value};
  }
  state_.lock.assert_writer_thread();
  const auto place = state_.look_up(key, hash, now_.engine_ms);
  if (!place || is_covered(key, *place)) return std::nullopt;
  return Pending{*place, nullptr};
}

// By one of this group's range deletes.
bool Group::is_covered(std::string_view key, const Place& place) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const GroupRange& one) {
    return one.range.sequence > place.sequence && one.range.covers(key);
  });
}

SegmentPtr Group::segment_of(const Place& place) const {
  if (place.segment == segment_->id()) return segment_;
  state_.lock.assert_writer_thread();
  return state_.segment_of(place);
}

std::optional<Transaction::Entry> Group::find(std::string_view key) {
  const auto found = present(key);
  if (!found) return std::nullopt;
  const Place& place = found->place;
  return Entry{place.version, place.sequence, place.expiry_ms, place.value_bytes, place.lost};
}

std::optional<ValueHandle> Group::locate(std::string_view key) {
  const auto found = present(key);
  if (!found) return std::nullopt;
  return HandleAccess::make(segment_of(found->place), found->place);
}

// What an earlier task of the group has put, with the room that the present one wants.
Result<Value> Group::copy_of(std::string_view key, const Pending& found) const {
  const std::string_view bytes(found.value, found.place.value_bytes);
  Value value{{}, found.place.version, found.place.expiry_ms};
  for (const OldValue& old : old_values_) {
    if (old.key == key) value.data.reserve(HandleAccess::room_bytes(old, bytes.size(), state_.options));
  }
  value.data = bytes;
  return value;
}

Result<Value> Group::get(std::string_view key) {
  const auto found = present(key);
  if (!found) return {StatusCode::kNotFound, "no such key"};
  if (found->value) return copy_of(key, *found);
  for (OldValue& old : old_values_) {
    if (old.key != key || !old.value || old.version != found->place.version) continue;
    Result<Value> value = std::move(*old.value);
    old.value.reset();
    if (value) value->expiry_ms = found->place.expiry_ms;
    return value;
  }
  return HandleAccess::read(HandleAccess::make(segment_of(found->place), found->place), key,
                            state_.warm_pages);
}

std::optional<ValueHandle> Group::find_missing(OldValue& old) {
  const auto found = present(old.key);
  if (!found || found->value || found->place.lost || found->place.value_bytes > old.max_bytes)
    return std::nullopt;
  if (old.value && old.version == found->place.version) return std::nullopt;
  ValueHandle handle = HandleAccess::make(segment_of(found->place), found->place);
  old.version = found->place.version;
  old.value.reset();
  if (handle.value_bytes() > Store::kMaxValueAtOnceBytes) return handle;
  const std::size_t room = HandleAccess::room_bytes(old, handle.value_bytes(), state_.options);
  old.value = HandleAccess::try_read(handle, old.key, state_.warm_pages, room);
  if (old.value) return std::nullopt;
  return handle;
}

void Group::change(std::string_view key, std::uint64_t hash, const Pending& now) {
  if (counts_growth_) {
    task_growth_ += index_growth(key, hash, now);
    task_adds_keys_ |= !now.place.deleted && !present(key, hash);
  }
  if (!ranges_.empty()) {
    if (present(key, hash)) --size_behind_ranges_;
    if (!now.place.deleted && is_present(now.place, now_.engine_ms)) ++size_behind_ranges_;
  }
  const std::uint32_t before = number_of_pending(key, hash);
  const auto number = static_cast<std::uint32_t>(changes_.size());
  Change& change = changes_.push_back({});
  change.key = key;
  change.hash = hash;
  change.place = now.place;
  change.value = now.value;
  change.previous = before;
  if (before == PendingKeys::kNone) {
    pending_.add(hash, number);
  } else {
    pending_.replace(hash, before, number);
  }
}

// Adds the record to the frame and says what the index will know of it.
Place Group::append(const NewRecord& record) {
  Place place;
  place.sequence = place.version = record.version;
  place.offset = frame_.add(record);
  place.segment = static_cast<std::uint32_t>(segment_->id());
  place.value_bytes = static_cast<std::uint32_t>(record.value.size());
  place.expiry_ms = record.expiry_ms;
  return place;
}

std::uint64_t Group::put(std::string_view key, std::string_view value, std::uint32_t checksum,
                         std::int64_t expiry_ms) {
  assert(key.size() <= state_.options.max_key_bytes && value.size() <= state_.options.max_value_bytes);
  const std::uint64_t sequence = next_sequence_++;
  const Place place = append({RecordType::kPut, key, value, checksum, sequence, sequence, expiry_ms});
  change(key, hash_of(key), {place, value.empty() ? "" : value.data()});
  return sequence;
}

bool Group::remove(std::string_view key) {
  const std::uint64_t hash = hash_of(key);
  if (!present(key, hash)) return false;
  const std::uint64_t sequence = next_sequence_++;
  Place place = append({RecordType::kDelete, key, {}, value_checksum({}), sequence, sequence, 0});
  place.deleted = true;
  change(key, hash, {place, nullptr});
  return true;
}

bool Group::set_expiry(std::string_view key, std::int64_t expiry_ms) {
  const std::uint64_t hash = hash_of(key);
  auto found = present(key, hash);
  if (!found) return false;
  const std::uint64_t sequence = next_sequence_++;
  NewRecord record{RecordType::kExpire,  key,      {}, value_checksum({}), sequence,
                   found->place.version, expiry_ms};
  frame_.add(record);
  found->place.sequence = sequence;
  found->place.expiry_ms = expiry_ms;
  change(key, hash, *found);
  return true;
}

void Group::add_range(RangeDelete range, std::uint64_t newly_covered) {
  const auto number = static_cast<std::uint32_t>(ranges_.size());
  const RangeDelete& added =
      ranges_.emplace_back(GroupRange{std::move(range), newly_covered, {}, nullptr}).range;
  frame_.add({RecordType::kRangeDelete, added.from, added.to, value_checksum(added.to), added.sequence,
              added.sequence, 0});
  changes_.push_back({}).range = number;
}

std::uint64_t Group::remove_range(RangeCount& counted) {
  RangeDelete range{counted.from(), counted.to(), next_sequence_};
  const Covered covered = count(range, counted);
  if (covered.keys == 0) return 0;
  ++next_sequence_;
  task_growth_ -= static_cast<std::int64_t>(covered.keys * Index::bytes_of_key(0));
  size_behind_ranges_ = size() - covered.keys;
  add_range(std::move(range), covered.entries);
  return covered.keys;
}

void Group::remove_all() {
  state_.need_order();
  state_.lock.assert_writer_thread();
  if (pending_.is_empty() && state_.index.size() == state_.covered_keys) return;
  size_behind_ranges_ = 0;
  task_growth_ -= static_cast<std::int64_t>(state_.index.memory_bytes());
  add_range({{}, {}, next_sequence_++}, 0);
}

void Group::add_lost(std::string_view key, std::uint64_t sequence, std::string_view type) {
  auto found = present(key);
  if (!found) return;  // expired meanwhile
  const std::int64_t expiry_ms = found->place.expiry_ms;
  Place place =
      append({RecordType::kLost, key, type, value_checksum(type), next_sequence_++, sequence, expiry_ms});
  place.sequence = found->place.sequence;
  place.lost = true;
  change(key, hash_of(key), {place, nullptr});
}

}  // namespace minikv::engine
