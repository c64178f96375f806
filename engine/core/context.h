// What every part of the engine works with, whatever it does with keys: options, files, clock, log, progress,
// health.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/engine_clock.h"
#include "engine/base/log.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/background_jobs.h"
#include "engine/core/full_disk.h"
#include "engine/core/log_progress.h"
#include "engine/format/file_names.h"
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
      lost_keys{0}, expired_keys{0}, recovery_ms{0}, recycled{0};
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

// Knows nothing of the index. The rooms below the writer need no more than this.
//
// Thread safety: its parts are thread-safe, each as its own header says.
struct StoreContext : LogProgress {
  StoreContext(const Options& given, const std::shared_ptr<FileSystem>& files, const Clock& system_clock,
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
  StoreContext(const Options& given, FileSystem& files, const Clock& system_clock, std::string where)
      : StoreContext(given, std::shared_ptr<FileSystem>(std::shared_ptr<void>(), &files), system_clock,
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

  std::string path_of(SegmentId id) const { return directory + "/" + segment_name(id); }
};

// How many bytes of a log segment are mapped. A segment grows by a fourth where the spare is not ready, and
// by an ordinary group. Records beyond that, by a large batch or for want of a spare, are read without the
// mapping until the next start. The mapping costs addresses, not memory.
inline std::uint64_t log_map_bytes(const Options& options) {
  return options.segment_size + options.segment_size / 4 + 8 * kMiB;
}

}  // namespace minikv::engine
