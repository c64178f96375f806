// The keeper does all work on the store's files beside the writes themselves.
//
// The keeper has a thread of its own: sealing a full segment, preparing the next one and committing the
// manifest each cost syncs, for which the writer must never wait. So the writer hands a full segment over and
// goes on in the spare. The keeper has written the spare full of zeros, synced it and named it in the
// manifest beforehand. The keeper decides nothing about what is written.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/one_at_a_time.h"
#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/files/disk_space.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/log_segments.h"
#include "engine/files/log_syncer.h"
#include "engine/files/refusal_watch.h"
#include "engine/files/segment_remover.h"
#include "engine/files/spare_segment.h"
#include "engine/files/store_manifest.h"
#include "engine/format/manifest.h"

namespace minikv::engine {

// The keeper picks the jobs, one after the other, and does those of the log's segments and the manifest. Its
// parts do those of the spare, the syncs and the disk; callers ask these parts directly.
//
// One mutex, KeeperMonitor::mutex(), guards all requests to the keeper and its parts, since the keeper picks
// the most urgent job from all of them.
//
// Thread safety: all members may be called from any thread, but cut_overlong(), open_log(), start() and
// finish() once each, in this order, and retire() and reserve_sequences() by the writer alone.
class Keeper {
 public:
  Keeper(StoreContext& context, Manifest manifest, ManifestFile file);
  ~Keeper();

  // Makes the manifest of the last incarnation durable as recovery has left it. Then cuts the files that are
  // longer than it says, and unlinks those that it has dropped.
  Status cut_overlong(const std::vector<Overlong>& overlong);
  // Makes the segment that this incarnation of the store writes into, or takes `spare` if the last one has
  // left it. Makes the manifest durable with `first_sequence` and a block of sequences behind it. On a full
  // disk the segment may be small, and hints are given up for it. Where there is no room for that either, the
  // segment takes nothing until there is some (engine/files/missing_log.h).
  Result<std::shared_ptr<Segment>> open_log(std::shared_ptr<Segment> spare, std::uint64_t first_sequence);
  // `callback` is called on the keeper's thread after each seal, and by finish(). To be set before start().
  void on_sealed(std::function<void(const ManifestSegment&)> callback);
  // `callback` is called when there is no room for another segment any more. To be set before start().
  void on_disk_tight(std::function<void()> callback);
  void start();
  // Syncs and seals the log, and records in the manifest that the store was closed in order.
  Status finish(const RetiredSegment& last, std::uint64_t next_sequence);
  // Ends the thread, if it was started. May be called again.
  void stop();

  // In single-threaded mode: does now what the thread would do.
  void run_pending_if_single_threaded() { monitor_.run_pending_if_single_threaded(); }

  StoreManifest& manifest() { return manifest_; }
  const StoreManifest& manifest() const { return manifest_; }
  LogSyncer& syncer() { return syncer_; }
  SpareSegment& spare() { return spare_; }
  const SpareSegment& spare() const { return spare_; }
  DiskSpace& disk() { return disk_; }
  RefusalWatch& refusal_watch() { return refusal_watch_; }

  // ---- for the writer ----
  // Hands `full` over, to be synced and sealed later; the log goes on in `next`.
  void retire(const RetiredSegment& full, std::shared_ptr<Segment> next);
  // When it returns ok, every sequence below `end` may be used.
  Status reserve_sequences(std::uint64_t end);
  // Whether a group of sequences from `next_sequence` on may have to wait for a sync that is late, or for
  // sequences.
  bool may_hold_up(std::uint64_t next_sequence) const;
  // When it returns ok, the file of this log segment may be cut to `bytes`.
  Status allow_cut(SegmentId id, std::uint64_t bytes);
  // Requests that engine time and its lead over the wall clock go into the manifest, which takes no room.
  void note_time();

  // ---- for compaction ----
  // Waits until no retired segment is left to seal.
  Status wait_until_sealed();
  // Commits one atomic step, after which `outputs` belong to the store and `inputs` do not. `outputs` must be
  // durable and have their final names.
  Status commit_compaction(const std::vector<ManifestSegment>& outputs, const std::vector<SegmentId>& inputs);

 private:
  // Which of the members that are called once each, in this order, was called last.
  enum class Stage : std::uint8_t { kMade, kSettled, kLogOpen, kStarted, kFinished };

  enum class Job : std::uint8_t {
    kNone,
    kCut,
    kCommit,
    kSync,
    kSequences,
    kSeal,
    kTime,
    kLook,
    kBury,
    kUnlink,
    kDropSpare,
    kSpare,
    kRelease
  };

  struct CompactionCommit {
    std::vector<ManifestSegment> outputs;
    std::vector<SegmentId> inputs;
    bool done = false;
    Status status;
  };

  // ---- the thread (keeper.cpp) ----
  void run();
  void run_pending() MINIKV_EXCLUDES(keeper_mutex);
  bool try_one_job() MINIKV_EXCLUDES(keeper_mutex);
  bool run_one_job() MINIKV_EXCLUDES(keeper_mutex);
  Status carry_out(Job job) MINIKV_EXCLUDES(keeper_mutex);
  Job next_job() const MINIKV_REQUIRES(keeper_mutex);
  void wait_for_job() MINIKV_REQUIRES(keeper_mutex);
  void give_up_waiting(const Status& why) MINIKV_EXCLUDES(keeper_mutex);
  bool is_spare_urgent() const MINIKV_EXCLUDES(keeper_mutex);

  // ---- the jobs (keeper_jobs.cpp) ----
  Status record_cut();
  Status commit_oldest();
  Status raise_seq_limit();
  Status seal_oldest();
  Status seal(const RetiredSegment& retired);
  Status seal_last(const RetiredSegment& last, std::uint64_t next_sequence);
  Status cut(File& file, const std::string& path, std::uint64_t bytes);
  Status record_time();
  Status unlink_dropped();

  StoreContext& context_;
  KeeperMonitor monitor_;
  StoreManifest manifest_;
  LogSegments log_;
  DiskSpace disk_;
  SegmentRemover remover_;
  LogSyncer syncer_;
  SpareSegment spare_;
  RefusalWatch refusal_watch_;
  std::function<void(const ManifestSegment&)> sealed_;
  std::thread thread_;
  Stage stage_ = Stage::kMade;           // of the opening and the closing thread
  bool is_without_memory_told_ = false;  // the keeper's thread alone
  OneAtATime writers_calls_;

  // The cut that is to be recorded in the manifest; kNoSegment: none.
  Overlong cut_wanted_ MINIKV_GUARDED_BY(keeper_mutex);
  Status cut_failure_ MINIKV_GUARDED_BY(keeper_mutex);  // there was no room to record it
  bool is_time_wanted_ MINIKV_GUARDED_BY(keeper_mutex) = false;
  std::atomic<std::uint64_t> seq_limit_;
  bool are_sequences_wanted_ MINIKV_GUARDED_BY(keeper_mutex) = false;
  std::deque<CompactionCommit*> commits_ MINIKV_GUARDED_BY(keeper_mutex);
};

}  // namespace minikv::engine
