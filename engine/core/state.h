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

// Whether the record at `location` has not expired at `now_ms`.
inline bool is_present(const Location& location, std::int64_t now_ms) {
  return location.expiry_ms == 0 || location.expiry_ms > now_ms;
}

// The index and the segments that it points into: what readers see. Only the writer changes them, under the
// lock; it may look without the lock.
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
        resident_pages(system_clock, file_system) {}
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
  ResidentPages resident_pages;
  Health health;
  Counters counters;
  RefusalSpell full_disk;
  RefusalSpell full_index;      // writes that add keys are refused
  RefusalSpell failing_writes;  // for a reason that has not made the store read-only

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

  std::string path_of(std::uint64_t segment_id) const { return directory + "/" + segment_name(segment_id); }
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

// How many bytes of a log segment are mapped. A segment grows by a fourth where the spare is not ready, and
// by an ordinary group. Records beyond that, by a large batch or for want of a spare, are read without the
// mapping until the next start. The mapping costs addresses, not memory.
inline std::uint64_t log_map_bytes(const Options& options) {
  return options.segment_size + options.segment_size / 4 + 8 * kMiB;
}

}  // namespace minikv::engine
