// What the engine's threads share.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/engine_clock.h"
#include "engine/base/gate.h"
#include "engine/base/log.h"
#include "engine/base/memory_reserve.h"
#include "engine/base/reader_lock.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/background_jobs.h"
#include "engine/core/change_journal.h"
#include "engine/core/counted_range.h"
#include "engine/core/full_disk.h"
#include "engine/core/log_progress.h"
#include "engine/core/range_deletes.h"
#include "engine/core/segment_table.h"
#include "engine/format/file_names.h"
#include "engine/index/index.h"
#include "engine/segment/open_files.h"
#include "engine/segment/resident_pages.h"
#include "engine/segment/segment.h"
#include "minikv/options.h"
#include "minikv/store.h"

namespace minikv::engine {

// Whether the store still takes writes. A failed sync is final: what the disk holds is unknown from then on,
// and a later success would not change that. Thread safety: all members may be called from any thread.
class Health {
 public:
  bool is_read_only() const { return read_only_.load(std::memory_order_acquire); }
  // The first reason stays.
  void fail(const Status& reason) MINIKV_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (read_only_.load(std::memory_order_relaxed)) return;
    reason_ = reason;
    read_only_.store(true, std::memory_order_release);
  }
  std::string reason() MINIKV_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return reason_.message();
  }
  Status refusal() {
    return {StatusCode::kReadOnly, "the store takes no writes until it is restarted: " + reason()};
  }

 private:
  Mutex mutex_;
  Status reason_ MINIKV_GUARDED_BY(mutex_);
  std::atomic<bool> read_only_{false};
};

// Numbers for Store::stats(). Each is written by one thread or added to atomically.
struct Counters {
  std::atomic<std::uint64_t> groups{0}, writes{0}, syncs{0}, compactions{0}, reclaimed_bytes{0}, cut_bytes{0},
      lost_keys{0}, expired_keys{0}, recovery_ms{0};
  // Requests that were not carried out, by reason.
  std::atomic<std::uint64_t> refused_disk_full{0}, refused_io_error{0}, refused_read_only{0},
      refused_memory{0}, refused_index_full{0};

  void note_refused(StatusCode why) {
    switch (why) {
      case StatusCode::kDiskFull: refused_disk_full.fetch_add(1, std::memory_order_relaxed); break;
      case StatusCode::kIoError: refused_io_error.fetch_add(1, std::memory_order_relaxed); break;
      case StatusCode::kReadOnly: refused_read_only.fetch_add(1, std::memory_order_relaxed); break;
      case StatusCode::kOutOfMemory: refused_memory.fetch_add(1, std::memory_order_relaxed); break;
      default: break;
    }
  }
};

// Whether `place` names something that is there at `now_ms`.
inline bool is_present(const Place& place, std::int64_t now_ms) {
  return place.expiry_ms == 0 || place.expiry_ms > now_ms;
}

// The index and the segments it points into: what readers see. Changed by the writer alone, under the lock;
// the writer may look without it.
struct SharedState : LogProgress {
  SharedState(const Options& given, const std::shared_ptr<FileSystem>& files, const Clock& system_clock,
              std::string where, const FileBudget& descriptors)
      : LogProgress(system_clock),
        options(given),
        file_system(*files),
        file_budget(descriptors),
        open_files(std::make_shared<OpenFiles>(files, descriptors.kept_open)),
        clock(system_clock),
        log(given.log),
        directory(std::move(where)),
        background(!given.single_threaded),
        warm_pages(system_clock, file_system) {}
  // For tests: `files` must outlive it.
  SharedState(const Options& given, FileSystem& files, const Clock& system_clock, std::string where)
      : SharedState(given, std::shared_ptr<FileSystem>(std::shared_ptr<void>(), &files), system_clock,
                    std::move(where), FileBudget::divide(1024, given)) {}

  const Options options;
  FileSystem& file_system;
  const FileBudget file_budget;
  const std::shared_ptr<OpenFiles> open_files;
  EngineClock clock;
  const Log log;
  const std::string directory;
  BackgroundJobs background;
  const std::shared_ptr<Graveyard> graveyard = std::make_shared<Graveyard>();
  WarmPages warm_pages;
  Health health;
  Counters counters;
  RefusalSpell full_disk;
  RefusalSpell full_index;      // writes that add keys are refused
  RefusalSpell failing_writes;  // for any other reason, by which the store is not read-only yet

  ReaderLock lock;
  Index index MINIKV_GUARDED_BY(lock);
  SegmentTable segments MINIKV_GUARDED_BY(lock);

  // Range deletes whose keys are still being taken out of the index, slice by slice, and how many such keys
  // there are. What they cover is gone already: every look-up asks is_there().
  RangeDeletes ranges MINIKV_GUARDED_BY(lock);
  std::uint64_t covered_keys MINIKV_GUARDED_BY(lock) = 0;

  // While the store is being opened: about what the index will take; 0: not known.
  std::atomic<std::uint64_t> expected_index_bytes{0};

  // The writer's: for changes of the index.
  MemoryReserve reserve;

  // What look-ups and counts of many keys, which take a while, are told of.
  ChangeJournal journal MINIKV_GUARDED_BY(lock);
  CountedRanges counted_ranges;

  // Open when the index is in order, some time after a start: until then there is nothing to walk over.
  Gate in_order;
  // The writer's, when the sorted index is built: applies up to `changes` changes that came meanwhile, and a
  // few more. True: those were all, and the index is in order.
  bool apply_pending_changes(std::size_t changes) MINIKV_EXCLUDES(lock);
  // For the writer, which can't wait for itself at the gate. Throws std::bad_alloc where there is no memory
  // for the sorted index.
  void need_sorted_index() MINIKV_EXCLUDES(lock);

  // What the index says of the key, if it is there at `now_ms`.
  std::optional<Place> look_up(std::string_view key, std::int64_t now_ms) const MINIKV_REQUIRES_SHARED(lock) {
    return look_up(key, hash_of(key), now_ms);
  }
  std::optional<Place> look_up(std::string_view key, std::uint64_t hash, std::int64_t now_ms) const
      MINIKV_REQUIRES_SHARED(lock) {
    auto place = index.find(key, hash);
    if (place && !is_there(key, *place, now_ms)) place.reset();
    return place;
  }
  bool is_there(std::string_view key, const Place& place, std::int64_t now_ms) const
      MINIKV_REQUIRES_SHARED(lock) {
    return is_present(place, now_ms) && !ranges.cover(key, place.sequence);
  }
  // How many keys there are at `now_ms`. Where very many have expired at once, or a range delete is still
  // being swept up, some that have expired are counted until they are taken out.
  std::uint64_t key_count(std::int64_t now_ms) const MINIKV_REQUIRES_SHARED(lock) {
    constexpr std::size_t kMostExpired = 10'000;
    const std::size_t expired = covered_keys == 0 ? index.count_expired(now_ms, kMostExpired) : 0;
    return index.size() - covered_keys - expired;
  }
  // Null only where the index was told of a place that never was: by a hint that is wrong though its
  // checksums are right.
  std::shared_ptr<Segment> segment_of(const Place& place) const MINIKV_REQUIRES_SHARED(lock) {
    const auto found = segments.find(place.segment);
    return found == segments.end() ? nullptr : found->second;
  }
  // The index has let go of this place.
  void forget(std::string_view key, const Place& place) MINIKV_REQUIRES(lock);

  std::string path_of(std::uint64_t segment_id) const { return directory + "/" + segment_name(segment_id); }
};

inline void SharedState::forget(std::string_view key, const Place& place) {
  if (const auto segment = segment_of(place)) {
    segment->live_bytes.fetch_sub(record_bytes(key.size(), place.value_bytes), std::memory_order_relaxed);
  }
  if (place.lost) counters.lost_keys.fetch_sub(1, std::memory_order_relaxed);
  if (ranges.cover(key, place.sequence)) {
    assert(covered_keys > 0);
    --covered_keys;
  } else if (!counted_ranges.is_empty()) {
    counted_ranges.note_gone(key, place);
  }
}

// How much of a log segment is mapped: it grows by a fourth where the spare is not ready, and by an ordinary
// group. What a large batch or want of a spare has put behind that is read without the mapping until the next
// start. Costs addresses, not memory.
inline std::uint64_t log_map_bytes(const Options& options) {
  return options.segment_size + options.segment_size / 4 + 8 * kMiB;
}

}  // namespace minikv::engine
