#include "engine/store/group.h"

#include <algorithm>
#include <cassert>

namespace minikv::engine {

void Group::begin(std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t first_sequence,
                  std::int64_t now_ms) {
  frame_.begin(segment->identity(), offset);
  segment_ = std::move(segment);
  changes_.clear();
  pending_.clear();
  ranges_.clear();
  next_sequence_ = first_sequence;
  now_ms_ = now_ms;
}

void Group::begin_task(std::span<OldValue> old_values) {
  old_values_ = old_values;
  task_first_change_ = changes_.size();
  task_first_record_ = frame_.record_count();
  task_first_byte_ = frame_.bytes();
}

void Group::end_task() {
  if (!task_has_changes()) return;
  changes_.back().ends_task = true;
  frame_.join_batch(task_first_record_);
}

bool Group::only_removes() const {
  return std::all_of(changes_.begin(), changes_.end(), [](const Change& change) {
    return change.range != nullptr || change.place.deleted || change.place.lost;
  });
}

std::optional<Group::Pending> Group::present(std::string_view key) const {
  if (const auto found = pending_.find(key); found != pending_.end()) {
    const Place& place = found->second.place;
    if (place.deleted || !is_present(place, now_ms_) || is_covered(key, place)) return std::nullopt;
    return found->second;
  }
  state_.lock.assert_writer_thread();
  const auto place = state_.look_up(key, now_ms_);
  if (!place || is_covered(key, *place)) return std::nullopt;
  return Pending{*place, std::nullopt};
}

// By one of this group's range deletes.
bool Group::is_covered(std::string_view key, const Place& place) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const RangeDelete& range) {
    return range.sequence > place.sequence && range.covers(key);
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

Result<Value> Group::get(std::string_view key) {
  const auto found = present(key);
  if (!found) return {StatusCode::kNotFound, "no such key"};
  if (found->value) return Value{std::string(*found->value), found->place.version, found->place.expiry_ms};
  for (OldValue& old : old_values_) {
    if (old.key != key || !old.value || old.version != found->place.version) continue;
    Result<Value> value = std::move(*old.value);
    old.value.reset();
    if (value) value->expiry_ms = found->place.expiry_ms;
    return value;
  }
  return HandleAccess::read(HandleAccess::make(segment_of(found->place), found->place), key);
}

std::optional<ValueHandle> Group::find_missing(OldValue& old) {
  const auto found = present(old.key);
  if (!found || found->value || found->place.lost || found->place.value_bytes > old.max_bytes)
    return std::nullopt;
  if (old.value && old.version == found->place.version) return std::nullopt;
  ValueHandle handle = HandleAccess::make(segment_of(found->place), found->place);
  old.version = found->place.version;
  old.value = HandleAccess::try_read(handle, old.key, state_.warm_pages);
  if (old.value) return std::nullopt;
  return handle;
}

void Group::change(std::string_view key, const Pending& pending) {
  changes_.push_back({key, pending.place, false});
  pending_.insert_or_assign(key, pending);
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
  change(key, {append({RecordType::kPut, key, value, checksum, sequence, sequence, expiry_ms}), value});
  return sequence;
}

bool Group::remove(std::string_view key) {
  if (!present(key)) return false;
  const std::uint64_t sequence = next_sequence_++;
  Place place = append({RecordType::kDelete, key, {}, value_checksum({}), sequence, sequence, 0});
  place.deleted = true;
  change(key, {place, std::nullopt});
  return true;
}

bool Group::set_expiry(std::string_view key, std::int64_t expiry_ms) {
  auto found = present(key);
  if (!found) return false;
  const std::uint64_t sequence = next_sequence_++;
  NewRecord record{RecordType::kExpire,  key,      {}, value_checksum({}), sequence,
                   found->place.version, expiry_ms};
  frame_.add(record);
  found->place.sequence = sequence;
  found->place.expiry_ms = expiry_ms;
  change(key, *found);
  return true;
}

Group::Covered Group::count(const RangeDelete& range) const {
  state_.need_order();
  Covered covered;
  const auto add = [&](const Place& place) {
    ++covered.entries;
    if (is_present(place, now_ms_)) ++covered.keys;
  };
  state_.lock.assert_writer_thread();
  const Index::Range walked{Index::Start{range.from, true},
                            range.to.empty() ? std::nullopt : std::optional<std::string_view>(range.to)};
  state_.index.walk_range(walked, [&](std::string_view key, const Place& place) {
    state_.lock.assert_writer_thread();
    const bool is_pending = !pending_.empty() && pending_.contains(key);
    if (!is_pending && !state_.ranges.cover(key, place.sequence) && !is_covered(key, place)) add(place);
    return true;
  });
  for (const auto& [key, pending] : pending_) {
    if (range.covers(key) && !pending.place.deleted && !is_covered(key, pending.place)) add(pending.place);
  }
  return covered;
}

void Group::add_range(RangeDelete range, std::uint64_t newly_covered) {
  const RangeDelete& added = ranges_.emplace_back(std::move(range));
  frame_.add({RecordType::kRangeDelete, added.from, added.to, value_checksum(added.to), added.sequence,
              added.sequence, 0});
  Change change;
  change.range = &added;
  change.newly_covered = newly_covered;
  changes_.push_back(change);
}

std::uint64_t Group::remove_range(std::string_view from, std::string_view to) {
  RangeDelete range{std::string(from), std::string(to), next_sequence_};
  const Covered covered = count(range);
  if (covered.keys == 0) return 0;
  ++next_sequence_;
  add_range(std::move(range), covered.entries);
  return covered.keys;
}

void Group::remove_all() {
  state_.need_order();
  state_.lock.assert_writer_thread();
  if (pending_.empty() && state_.index.size() == state_.covered_keys) return;
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
  change(key, {place, std::nullopt});
}

}  // namespace minikv::engine
