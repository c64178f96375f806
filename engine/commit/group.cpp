// How a task's changes get into the group: a record in the frame, and a change that later tasks see.
#include "engine/commit/group.h"

#include <cassert>
#include <memory>
#include <new>
#include <utility>

#include "minikv/key_lookup.h"
#include "minikv/store.h"

namespace minikv::engine {

Group::Group(SharedState& state)
    : state_(state), view_(state, changes_), budget_(state.options.max_index_bytes) {
  budget_.set_index_bytes(index_bytes());
}

// ---- a group ----

void Group::begin(const std::shared_ptr<Segment>& segment, std::uint64_t first_sequence,
                  const StoreTime& now) {
  assert(!is_begun() && !is_in_task_);
  budget_.begin_group();
  if (budget_.is_near(0)) budget_.set_index_bytes(index_bytes());
  changes_.clear();
  frame_.begin(segment->identity(), segment->used_bytes.load(std::memory_order_relaxed));
  next_sequence_ = first_sequence;
  view_.begin(segment, now);
}

void Group::end() {
  constexpr std::uint64_t kLargeFrameBytes = 16 * kMiB;
  constexpr std::size_t kManyChanges = 64 * 1024;
  assert(is_begun() && !is_in_task_);
  view_.end();
  budget_.note_logged(frame_.bytes());
  if (frame_.bytes() < kLargeFrameBytes && changes_.size() < kManyChanges) return;
  struct Rest {
    FrameBuilder::Rest frame;
    GroupChanges::Chunks changes;
  };
  try {
    auto rest = std::make_shared<Rest>();
    rest->frame = frame_.shrink();
    rest->changes = changes_.shrink(kManyChanges / 16);
    state_.background.free_later(std::move(rest));
  } catch (const std::bad_alloc&) {
    // A later end() gives the memory back; what has been taken out already is freed here.
  }
}

std::uint64_t Group::index_bytes() const {
  state_.lock.assert_writer_thread();
  return state_.index.memory_bytes();
}

// ---- a task ----

void Group::begin_task(std::span<OldValue> old_values, std::size_t bytes) {
  assert(is_begun() && !is_in_task_);
  const bool is_near_limit = budget_.is_near(frame_.bytes() + bytes);
  if (is_near_limit && budget_.is_out_of_date()) budget_.set_index_bytes(index_bytes());
  budget_.begin_task(is_near_limit);
  old_values_ = old_values;
  changes_before_ = changes_.mark();
  frame_before_ = frame_.mark();
  next_sequence_before_ = next_sequence_;
  is_in_task_ = true;
}

void Group::end_task() {
  assert(is_in_task_);
  is_in_task_ = false;
  if (changes_.size() == changes_before_.changes) return;
  budget_.end_task();
  changes_.end_task(changes_before_);
  frame_.join_batch(frame_before_.records);
}

void Group::abort_task() noexcept {
  assert(is_in_task_);
  is_in_task_ = false;
  changes_.cut(changes_before_);
  frame_.cut(frame_before_);
  next_sequence_ = next_sequence_before_;
}

std::uint64_t Group::room() const {
  assert(is_in_task_);
  const std::uint64_t added = frame_.bytes() - frame_before_.bytes;
  return state_.options.max_batch_bytes - std::min(added, state_.options.max_batch_bytes);
}

// ---- what a task reads ----

std::optional<Transaction::Entry> Group::find(std::string_view key) {
  assert(is_in_task_);
  const auto found = view_.find(key);
  if (!found) return std::nullopt;
  const Location& location = found->location;
  return Entry{location.version, location.sequence, location.expiry_ms, location.value_bytes, location.lost};
}

std::optional<ValueHandle> Group::locate(std::string_view key) {
  assert(is_in_task_);
  const auto found = view_.find(key);
  if (!found) return std::nullopt;
  return HandleAccess::make(view_.segment_of(found->location), found->location);
}

// Copies the value that an earlier task of the group has put, with the capacity that the present one wants.
Result<Value> Group::copy_of(std::string_view key, const GroupView::Present& found) const {
  const std::string_view bytes(found.value, found.location.value_bytes);
  Value value{{}, found.location.version, found.location.expiry_ms};
  for (const OldValue& old : old_values_) {
    if (old.key == key) value.data.reserve(HandleAccess::room_bytes(old, bytes.size(), state_.options));
  }
  value.data = bytes;
  return value;
}

Result<Value> Group::get(std::string_view key) {
  assert(is_in_task_);
  const auto found = view_.find(key);
  if (!found) return {StatusCode::kNotFound, "no such key"};
  if (found->value) return copy_of(key, *found);
  for (OldValue& old : old_values_) {
    if (old.key != key || !old.value || old.version != found->location.version) continue;
    Result<Value> value = std::move(*old.value);
    old.value.reset();
    if (value) value->expiry_ms = found->location.expiry_ms;
    return value;
  }
  return HandleAccess::read(HandleAccess::make(view_.segment_of(found->location), found->location), key,
                            state_.resident_pages);
}

std::optional<ValueHandle> Group::find_missing(OldValue& old) {
  assert(is_begun() && !is_in_task_);
  const auto found = view_.find(old.key);
  if (!found || found->value || found->location.lost || found->location.value_bytes > old.max_bytes)
    return std::nullopt;
  if (old.value && old.version == found->location.version) return std::nullopt;
  ValueHandle handle = HandleAccess::make(view_.segment_of(found->location), found->location);
  old.version = found->location.version;
  old.value.reset();
  if (handle.value_bytes() > Store::kMaxValueAtOnceBytes) return handle;
  const std::size_t room = HandleAccess::room_bytes(old, handle.value_bytes(), state_.options);
  old.value = HandleAccess::try_read(handle, old.key, state_.resident_pages, room);
  if (old.value) return std::nullopt;
  return handle;
}

ScanPage Group::scan(const ScanOptions& options) {
  assert(is_in_task_);
  return view_.scan(options);
}

UnorderedPage Group::walk_unordered(std::uint64_t position, std::size_t count) {
  assert(is_in_task_);
  return view_.walk_unordered(position, count);
}

std::uint64_t Group::size() {
  assert(is_in_task_);
  return view_.size();
}

void Group::look_up(KeyLookup& lookup) {
  assert(is_in_task_);
  view_.look_up(lookup);
}

// ---- what a task changes ----

// Adds the record to the frame. Returns the location that the index will hold of it.
Location Group::append(const NewRecord& record) {
  assert(is_in_task_);
  Location location;
  location.sequence = location.version = record.version;
  location.offset = frame_.add(record);
  location.segment = segment()->id();
  location.value_bytes = static_cast<std::uint32_t>(record.value.size());
  location.expiry_ms = record.expiry_ms;
  return location;
}

void Group::change(std::string_view key, std::uint64_t hash, const GroupView::Present& now) {
  if (budget_.counts()) {
    budget_.add(index_growth(key, hash, now.location));
    if (!now.location.deleted && !view_.find(key, hash)) budget_.note_key_added();
  }
  if (has_range()) {
    std::uint64_t keys = changes_.keys_behind_ranges();
    if (view_.find(key, hash)) --keys;
    if (!now.location.deleted && is_present(now.location, now_ms())) ++keys;
    changes_.set_keys_behind_ranges(keys);
  }
  changes_.add(key, hash, now.location, now.value);
}

// By how many bytes the index grows if the key's location becomes `now`.
std::int64_t Group::index_growth(std::string_view key, std::uint64_t hash, const Location& now) const {
  const auto before = view_.find(key, hash);
  const bool is_there = !now.deleted && is_present(now, now_ms());
  const auto bytes_of = [&](const Location& location) {
    return static_cast<std::int64_t>(Index::bytes_of_key(key.size(), location));
  };
  return (is_there ? bytes_of(now) : 0) - (before ? bytes_of(before->location) : 0);
}

std::uint64_t Group::put(std::string_view key, std::string_view value, std::uint32_t checksum,
                         std::int64_t expiry_ms) {
  assert(key.size() <= state_.options.max_key_bytes && value.size() <= state_.options.max_value_bytes);
  const std::uint64_t sequence = next_sequence_++;
  const Location location = append({RecordType::kPut, key, value, checksum, sequence, sequence, expiry_ms});
  change(key, hash_of(key), {location, value.empty() ? "" : value.data()});
  return sequence;
}

bool Group::remove(std::string_view key) {
  const std::uint64_t hash = hash_of(key);
  if (!view_.find(key, hash)) return false;
  const std::uint64_t sequence = next_sequence_++;
  Location location = append({RecordType::kDelete, key, {}, value_checksum({}), sequence, sequence, 0});
  location.deleted = true;
  change(key, hash, {location, nullptr});
  return true;
}

bool Group::set_expiry(std::string_view key, std::int64_t expiry_ms) {
  const std::uint64_t hash = hash_of(key);
  auto found = view_.find(key, hash);
  if (!found) return false;
  const std::uint64_t sequence = next_sequence_++;
  (void)append(
      {RecordType::kExpire, key, {}, value_checksum({}), sequence, found->location.version, expiry_ms});
  found->location.sequence = sequence;
  found->location.expiry_ms = expiry_ms;
  change(key, hash, *found);
  return true;
}

void Group::add_range(RangeDelete range, std::uint64_t newly_covered) {
  assert(is_in_task_);
  const RangeDelete& added = changes_.add_range(std::move(range), newly_covered);
  frame_.add({RecordType::kRangeDelete, added.from, added.to, value_checksum(added.to), added.sequence,
              added.sequence, 0});
}

std::uint64_t Group::remove_range(RangeCount& counted) {
  RangeDelete range{counted.from(), counted.to(), next_sequence_};
  const GroupView::Covered covered = view_.count(range, counted);
  if (covered.keys == 0) return 0;
  ++next_sequence_;
  budget_.add(-static_cast<std::int64_t>(covered.keys * Index::bytes_of_key(0)));
  changes_.set_keys_behind_ranges(size() - covered.keys);
  add_range(std::move(range), covered.entries);
  return covered.keys;
}

void Group::remove_all() {
  state_.need_sorted_index();
  state_.lock.assert_writer_thread();
  if (changes_.changed_keys() == 0 && state_.index.size() == state_.covered_keys) return;
  changes_.set_keys_behind_ranges(0);
  budget_.add(-static_cast<std::int64_t>(state_.index.memory_bytes()));
  add_range({{}, {}, next_sequence_++}, 0);
}

void Group::add_lost(std::string_view key, std::uint64_t sequence, std::string_view type) {
  auto found = view_.find(key);
  if (!found) return;  // expired meanwhile
  const std::int64_t expiry_ms = found->location.expiry_ms;
  Location location =
      append({RecordType::kLost, key, type, value_checksum(type), next_sequence_++, sequence, expiry_ms});
  location.sequence = found->location.sequence;
  location.lost = true;
  change(key, hash_of(key), {location, nullptr});
}

}  // namespace minikv::engine
