// What the engine's threads share.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/base/gate.h"
#include "engine/base/memory_reserve.h"
#include "engine/base/reader_lock.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/change_journal.h"
#include "engine/core/context.h"
#include "engine/core/counted_range.h"
#include "engine/core/range_deletes.h"
#include "engine/core/segment_table.h"
#include "engine/index/index.h"

namespace minikv::engine {

// Whether the record at `location` has not expired at `now_ms`.
inline bool is_present(const Location& location, std::int64_t now_ms) {
  return location.expiry_ms == 0 || location.expiry_ms > now_ms;
}

// The index and the segments that it points into: what readers see. Only the writer changes them, under the
// lock; it may look without the lock.
struct SharedState : StoreContext {
  using StoreContext::StoreContext;

  ReaderLock lock;
  Index index MINIKV_GUARDED_BY(lock);
  SegmentTable segments MINIKV_GUARDED_BY(lock);

  // Range deletes that the sweep is still taking out of the index, slice by slice, and how many entries they
  // cover. Covered keys are gone already, since every look-up asks is_there().
  RangeDeletes ranges MINIKV_GUARDED_BY(lock);
  std::uint64_t covered_keys MINIKV_GUARDED_BY(lock) = 0;

  // While the store is being opened: about how many bytes the index will take; 0: not known.
  std::atomic<std::uint64_t> expected_index_bytes{0};

  // The writer's memory reserve, for changes of the index.
  MemoryReserve reserve;

  // Look-ups and counts of many keys take a while, and learn of changes from these.
  ChangeJournal journal MINIKV_GUARDED_BY(lock);
  CountedRanges counted_ranges;

  // Opens when the sorted index is built, some time after a start. Walks over keys wait for it.
  Gate in_order;
  // For the writer, when the sorted index is built: applies pending changes, `changes` of them and a few
  // more. True: those were all, and the sorted index is complete.
  bool apply_pending_changes(std::size_t changes) MINIKV_EXCLUDES(lock);
  // For the writer, which can't wait for itself at the gate: waits for the sorted index and applies all
  // pending changes. Throws std::bad_alloc where there is no memory for the sorted index.
  void need_sorted_index() MINIKV_EXCLUDES(lock);

  // The key's location in the index, if the key is there at `now_ms`.
  std::optional<Location> look_up(std::string_view key, std::int64_t now_ms) const
      MINIKV_REQUIRES_SHARED(lock) {
    return look_up(key, hash_of(key), now_ms);
  }
  std::optional<Location> look_up(std::string_view key, std::uint64_t hash, std::int64_t now_ms) const
      MINIKV_REQUIRES_SHARED(lock) {
    auto location = index.find(key, hash);
    if (location && !is_there(key, *location, now_ms)) location.reset();
    return location;
  }
  bool is_there(std::string_view key, const Location& location, std::int64_t now_ms) const
      MINIKV_REQUIRES_SHARED(lock) {
    return is_present(location, now_ms) && !ranges.cover(key, location.sequence);
  }
  // How many keys there are at `now_ms`. If very many have expired at once, or during a sweep, some expired
  // keys count until they are taken out.
  std::uint64_t key_count(std::int64_t now_ms) const MINIKV_REQUIRES_SHARED(lock) {
    constexpr std::size_t kMaxExpired = 10'000;
    const std::size_t expired = covered_keys == 0 ? index.count_expired(now_ms, kMaxExpired) : 0;
    return index.size() - covered_keys - expired;
  }
  // Null only where a hint has given the index a location that never was: a hint that is wrong, although its
  // checksums are right.
  std::shared_ptr<Segment> segment_of(const Location& location) const MINIKV_REQUIRES_SHARED(lock) {
    const auto found = segments.find(location.segment);
    return found == segments.end() ? nullptr : found->second;
  }
  // The index has let go of this location.
  void forget(std::string_view key, const Location& location) MINIKV_REQUIRES(lock);
};

inline void SharedState::forget(std::string_view key, const Location& location) {
  if (const auto segment = segment_of(location)) {
    segment->live_bytes.fetch_sub(record_bytes(key.size(), location.value_bytes), std::memory_order_relaxed);
  }
  if (location.lost) counters.lost_keys.fetch_sub(1, std::memory_order_relaxed);
  if (ranges.cover(key, location.sequence)) {
    assert(covered_keys > 0);
    --covered_keys;
  } else if (!counted_ranges.is_empty()) {
    counted_ranges.note_gone(key, location);
  }
}

}  // namespace minikv::engine
