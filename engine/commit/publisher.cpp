// The two steps in which a group's changes get into the index: the first may fail, the second can't.
#include "engine/commit/publisher.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <new>
#include <span>

#include "engine/base/out_of_memory.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kRecordsPerHold = 256;  // published while the readers wait

}  // namespace

// ---- before it is written ----

Status Publisher::prepare(GroupChanges& changes) {
  assert(index_ == nullptr);
  state_.lock.assert_writer_thread();
  index_ = &state_.index;
  first_in_index_ = 0;
  covered_ = &state_.ranges;
  fresh_ = expiring_ = gone_ = 0;
  std::array<std::string_view, Index::kMaxPrefetched> keys;
  try {
    for (std::size_t i = 0, fetched = 0; i < changes.size(); ++i) {
      // A look-up waits for memory four times. The prefetch makes the waits of many keys overlap.
      if (i == fetched && changes.size() - i > 1) {
        std::size_t count = 0;
        while (count < keys.size() && fetched < changes.size()) keys[count++] = changes[fetched++].key;
        index_->prefetch(std::span(keys).first(count), [](const Location&) {});
      }
      if (changes[i].is_range()) {
        GroupRange& range = changes.range_of(changes[i]);
        prepare_range(range);
        if (range.range.is_everything()) first_in_index_ = static_cast<std::uint32_t>(i + 1);
      } else {
        prepare_put(changes, changes[i]);
      }
    }
  } catch (const std::bad_alloc&) {
    drop(changes);
    return out_of_memory("the index of what is to be written");
  }
  if (state_.reserve.ensure(index_->growth_bytes(fresh_, expiring_, fresh_ + gone_))) return {};
  drop(changes);
  return out_of_memory("the index of what is to be written");
}

void Publisher::prepare_range(GroupRange& range) {
  if (range.range.is_everything()) {
    range.fresh = std::make_shared<Index>();
    index_ = range.fresh.get();
  } else {
    range.covered = *covered_;
    range.covered.add(range.range);
  }
  covered_ = &range.covered;
}

void Publisher::prepare_put(GroupChanges& changes, Change& change) {
  Entry* before = nullptr;
  if (change.previous != Change::kNone && change.previous >= first_in_index_) {
    const Change& previous = changes[change.previous];
    if (!previous.location.deleted)
      before = previous.step.fresh != nullptr ? previous.step.fresh : previous.step.before;
  } else if (first_in_index_ == 0) {
    before = index_->find_entry(change.key, change.hash);
  }
  if (change.location.deleted) {
    change.step = {before, nullptr};
    ++gone_;
  } else {
    change.step = index_->prepare_put(change.key, change.hash, change.location, before);
    if (change.step.fresh != nullptr) ++fresh_;
    if (change.location.expiry_ms != 0) ++expiring_;
  }
  change.is_prepared = true;
}

void Publisher::drop(GroupChanges& changes) noexcept {
  assert(index_ != nullptr);
  state_.lock.assert_writer_thread();
  Index* index = &state_.index;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Change& change = changes[i];
    if (change.is_range()) {
      if (const auto& fresh = changes.range_of(change).fresh) index = fresh.get();
    } else if (change.is_prepared) {
      index->drop(change.step, change.hash);
      change.is_prepared = false;
    }
  }
  index_ = nullptr;
  state_.reserve.relax();
}

// ---- when it is on disk ----

void Publisher::publish(GroupChanges& changes, std::uint64_t last_sequence) noexcept {
  assert(index_ != nullptr);
  std::size_t next = 0, fetched = 0;
  while (next < changes.size()) {
    ExclusiveGuard guard(state_.lock);
    // A hold publishes whole batches, so that no reader sees half of one.
    for (std::size_t held = 0; next < changes.size(); ++held, ++next) {
      if (held >= kRecordsPerHold && changes[next - 1].ends_task) break;
      if (next == fetched) fetched = prefetch(changes, next);
      apply(changes, changes[next]);
    }
  }
  index_ = nullptr;
  state_.reserve.relax();
  forget_journal();
  state_.counters.writes.fetch_add(changes.size(), std::memory_order_relaxed);
  state_.visible_sequence.store(last_sequence, std::memory_order_release);
}

// Prefetches what the next changes touch in the index, so that their waits for memory overlap. Returns the
// number of the change behind them.
std::size_t Publisher::prefetch(const GroupChanges& changes, std::size_t first) const {
  const std::size_t last = std::min(first + Index::kMaxPrefetched, changes.size());
  if (last - first < 2) return last;
  for (std::size_t i = first; i < last; ++i) {
    if (changes[i].is_range()) continue;
    state_.index.prefetch_leaf(changes[i].step, changes[i].hash);
  }
  for (std::size_t i = first; i < last; ++i) {
    if (!changes[i].is_range()) state_.index.prefetch_slots(changes[i].hash);
  }
  return last;
}

void Publisher::apply(GroupChanges& changes, Change& change) {
  if (change.is_range()) return apply(changes.range_of(change));
  assert(change.is_prepared);
  const std::optional<Location> before =
      change.location.deleted ? state_.index.make_erase(change.step.before, change.hash)
                              : state_.index.make_put(change.step, change.hash, change.location);
  change.is_prepared = false;
  if (before) state_.forget(change.key, *before);
  if (state_.journal.is_followed()) state_.journal.note(change.hash);
  if (change.location.deleted) return;
  if (!state_.counted_ranges.is_empty()) state_.counted_ranges.note_new(change.key, change.location);
  state_.segments.find(change.location.segment)
      ->second->live_bytes.fetch_add(record_bytes(change.key.size(), change.location.value_bytes),
                                     std::memory_order_relaxed);
  if (change.location.lost) state_.counters.lost_keys.fetch_add(1, std::memory_order_relaxed);
}

void Publisher::apply(GroupRange& range) {
  if (state_.journal.is_followed()) state_.journal.note_range(range.range);
  if (!state_.counted_ranges.is_empty()) state_.counted_ranges.note_range(range.range);
  state_.ranges.swap(range.covered);
  if (!range.range.is_everything()) {
    state_.covered_keys += range.newly_covered;
    return;
  }
  range.fresh->swap(state_.index);
  state_.covered_keys = 0;
  state_.counters.lost_keys.store(0, std::memory_order_relaxed);
  for (const auto& [id, segment] : state_.segments) segment->live_bytes.store(0, std::memory_order_relaxed);
  // The background thread frees the old index, since millions of keys take a while.
  state_.background.free_later(std::move(range.fresh));
}

// Clears the journal once no follower needs it.
void Publisher::forget_journal() {
  const auto is_left_over = [this] {
    state_.lock.assert_writer_thread();
    return !state_.journal.is_empty() && !state_.journal.is_followed();
  };
  if (!is_left_over()) return;
  ExclusiveGuard guard(state_.lock);
  if (is_left_over()) state_.journal.clear();
}

}  // namespace minikv::engine
