// The keeper looks after everything that has to happen to the store's files beside the writes themselves.
//
// Why it has a thread of its own: sealing a full segment, preparing the next one and committing the manifest each cost
// syncs, and the writer, who has clients waiting, must never stand behind them. So the writer hands a full segment over
// and goes on in the spare, which the keeper has written full of zeros, synced and named in the manifest beforehand. The
// keeper decides nothing about what is written.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/format/manifest.h"
#include "engine/store/full_disk.h"
#include "engine/store/gentle_release.h"
#include "engine/store/state.h"

namespace minikv::engine {

// A log segment that takes no more frames.
struct RetiredSegment {
  std::shared_ptr<Segment> segment;
  std::uint64_t used_bytes = 0;
  std::uint64_t min_seq = 0;  // of its records; 0 and 0 without any
  std::uint64_t max_seq = 0;
};

// Thread safety: all members may be called from any thread, but settle(), open_log(), start() and finish() once each, in this
// order, and take_spare(), retire() and reserve_sequences() by the writer alone.
class Keeper {
 public:
  Keeper(SharedState& state, Manifest manifest, ManifestFile file);
  ~Keeper();

  // Makes the manifest of the last life durable as recovery has found it; then cuts what is longer than it says, and unlinks
  // what it has dropped.
  Status settle(const std::vector<Overlong>& overlong);
  // Makes the segment that this life of the store writes into, `spare` if there is one from the last life, and makes
  // the manifest durable with `first_sequence` and a block of sequences behind it. On a full disk a small one will do, for which
  // hints are given up; where there is no room for that either, it is one that takes nothing (engine/store/missing_log.h),
  // until there is some.
  Result<std::shared_ptr<Segment>> open_log(std::shared_ptr<Segment> spare, std::uint64_t first_sequence);
  void start();
  // Syncs and seals the log, and remembers in the manifest that the store was closed in order. on_sealed() is called
  // for every segment sealed.
  Status finish(const RetiredSegment& last, std::uint64_t next_sequence);
  void stop();

  // In single-threaded mode: does now what the thread would do.
  void run_pending_if_single_threaded();

  // ---- for the writer ----
  // Null if there is none ready. kDiskFull: there is one, but no room for another, so that it is the reserve.
  Result<std::shared_ptr<Segment>> take_spare();
  // The spare on a full disk: for groups that only delete. The first call shows it, the second takes it for good; null if
  // there is none (any more).
  std::shared_ptr<Segment> reserve() const;
  std::shared_ptr<Segment> take_reserve();
  bool has_spare() const;
  // As take_spare(), but waits; kDiskFull or kIoError if there won't be one.
  Result<std::shared_ptr<Segment>> wait_for_spare();
  Status wait_until_spare_is_there();
  // Whether a log without a spare may take `bytes` more of the disk and leave enough for one.
  bool may_grow_log(std::uint64_t bytes) const;
  // `full` is to be synced and sealed; `next` is what the log goes on in.
  void retire(const RetiredSegment& full, std::shared_ptr<Segment> next);
  // When it returns ok, every sequence below `end` may be used.
  Status reserve_sequences(std::uint64_t end);
  // Something was written that is not synced (interval mode): a sync is due one interval from now.
  void note_unsynced();
  // Waits while a sync is later than two intervals.
  Status wait_while_sync_is_late();
  // When it returns ok, the file of this log segment may be cut to `bytes`.
  Status allow_cut(std::uint64_t segment_id, std::uint64_t bytes);
  // Engine time and its lead over the wall clock go into the manifest, which takes no room.
  void note_time();
  // What the manifest says of it.
  LeadRecord lead() const;
  // A write was refused that the store could not carry out; one that takes room was not.
  void note_refused(const Status& why);
  void note_taken();
  // Whether a group of sequences from `next_sequence` on may have to wait for a sync that is late, or for sequences.
  bool may_hold_up(std::uint64_t next_sequence) const;

  // Free, and kept for deletes and compaction.
  DiskRoom room() const;
  // Without a spare, so much of a log is kept for deletes: a part of a segment, or of all the room that there
  // is for the store where that is less than a segment.
  std::uint64_t reserved_bytes() const;

  // ---- for compaction ----
  // Bytes that may still be written, with those that are about to be given back.
  Result<std::uint64_t> free_space() const;
  // Whether there is no room for another segment.
  bool is_disk_tight() const;
  // Called when it has become so. Set before start().
  void on_disk_tight(std::function<void()> callback);
  // Gives the room that the spare takes to the file system, and makes no other until allow_spare().
  Status release_spare();
  void allow_spare();
  // Called on the keeper's thread after each seal. Set before start().
  void on_sealed(std::function<void(const ManifestSegment&)> callback);
  std::uint64_t allocate_segment_id();
  std::vector<ManifestSegment> segments() const;
  // Waits until no retired segment is left to seal.
  Status wait_until_sealed();
  // Waits until everything up to `sequence` is durable, with a sync of its own if need be.
  Status make_durable(std::uint64_t sequence);
  // One atomic step: `outputs` (durable, under their final names) belong to the store, `inputs` do not.
  Status commit_compaction(const std::vector<ManifestSegment>& outputs,
                           const std::vector<std::uint64_t>& inputs);

  // Creates, fills with zeros up to `size` and syncs a segment file under its temporary name.
  Status create_segment_file(const SegmentIdentity& identity, SegmentKind kind, std::uint64_t size,
                             const std::string& temporary_path, bool fill);

  const std::uint8_t (&store_id() const)[16] { return store_id_; }

 private:
  static constexpr std::size_t kMostDying = 8;  // whose space is being given back, at the same time

  struct CompactionCommit {
    std::vector<ManifestSegment> outputs;
    std::vector<std::uint64_t> inputs;
    bool done = false;
    Status status;
  };

  void run();
  bool run_one_job() MINIKV_EXCLUDES(mutex_);
  bool try_one_job() MINIKV_EXCLUDES(mutex_);
  void give_up_waiting(const Status& why) MINIKV_EXCLUDES(mutex_);
  bool has_job() const MINIKV_REQUIRES(mutex_);
  bool sync_is_due() const MINIKV_REQUIRES(mutex_);
  bool spare_is_due() const MINIKV_REQUIRES(mutex_);
  // Whether space is to be given back now, and whether that can't wait for anything that nobody waits for.
  bool release_is_due() const MINIKV_REQUIRES(mutex_);
  bool release_is_late() const;
  bool look_is_due() const MINIKV_REQUIRES(mutex_);
  void wait_for_job() MINIKV_REQUIRES(mutex_);

  Status sync_log() MINIKV_EXCLUDES(mutex_);
  Status sync_if_due() MINIKV_EXCLUDES(mutex_);
  bool sync_is_late() const MINIKV_REQUIRES(mutex_);
  Status seal(const RetiredSegment& retired);
  // Makes and opens one; where that can't be done, the writer goes on without, and it is tried again.
  Status prepare_spare();
  Status prepare_small_spare(bool may_drop_hints);
  Status open_spare();
  // `made`: kOk, or why there is none now.
  Status create_spare(std::uint64_t size, std::uint64_t left_over, Status& made);
  Result<bool> drop_largest_hint();
  bool is_spare_urgent() const MINIKV_EXCLUDES(mutex_);
  void go_without_spare(const Status& why) MINIKV_EXCLUDES(mutex_);
  // Why there is none; kOk if there is one, or none was wanted yet.
  StatusCode spare_code() const MINIKV_EXCLUDES(mutex_);
  Status drop_spare();
  void tell_disk_tight() MINIKV_EXCLUDES(mutex_);
  Status compaction_has_the_room() const;
  Status raise_seq_limit();
  Status commit_now(CompactionCommit& request);
  // Unlinks what nobody reads any more, and has the space given back.
  Status bury();
  Status bury_some();
  Status bury(std::vector<std::unique_ptr<Segment>> dead);
  Status unlink_and_release(std::vector<std::unique_ptr<Segment>>& dead);
  bool may_bury() const MINIKV_REQUIRES(mutex_);
  Status remove_segment_files(std::uint64_t id);
  Status sweep();
  Status cut(File& file, const std::string& path, std::uint64_t bytes);
  Status record_cut();
  Status record_time();
  void look_at_refusals() MINIKV_EXCLUDES(mutex_);
  bool are_writes_refused() const { return state_.full_disk.is_on() || state_.failing_writes.is_on(); }
  Status commit(Manifest& next) MINIKV_EXCLUDES(mutex_);
  Manifest manifest_copy() const MINIKV_EXCLUDES(mutex_);
  void fail(const Status& status);
  template <typename Condition>
  Status wait_for(Condition condition) MINIKV_REQUIRES(mutex_);

  SharedState& state_;
  std::uint8_t store_id_[16];
  ManifestFile file_;  // the keeper's thread alone, once it runs; so is the next
  std::optional<SegmentIdentity>
      unopened_spare_;                   // is there and in the manifest, but could not be opened yet
  std::uint64_t unused_id_ = 0;          // of a spare that could not be made; the keeper's thread alone
  bool is_without_memory_told_ = false;  // the keeper's thread alone
  bool is_log_missing_ = false;          // the keeper's thread alone
  GentleRelease release_;                // the keeper's thread alone, but for what it says of itself
  std::thread thread_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  Manifest manifest_ MINIKV_GUARDED_BY(mutex_);  // as it was last committed
  std::uint64_t next_segment_id_ MINIKV_GUARDED_BY(mutex_);
  bool stopping_ MINIKV_GUARDED_BY(mutex_) = false;

  std::deque<RetiredSegment> retired_ MINIKV_GUARDED_BY(mutex_);
  std::shared_ptr<Segment> active_ MINIKV_GUARDED_BY(mutex_);
  std::shared_ptr<Segment> spare_ MINIKV_GUARDED_BY(mutex_);
  bool spare_wanted_ MINIKV_GUARDED_BY(mutex_) = true;
  Status spare_failure_ MINIKV_GUARDED_BY(mutex_);
  std::string spare_failure_told_ MINIKV_GUARDED_BY(mutex_);
  std::int64_t spare_retry_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
  bool spare_unwanted_ MINIKV_GUARDED_BY(mutex_) = false;  // somebody needs the room now
  int spare_holds_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::function<void()> disk_tight_ MINIKV_GUARDED_BY(mutex_);

  // Which may be cut, to how much; id 0: none.
  Overlong cut_wanted_ MINIKV_GUARDED_BY(mutex_);
  Status cut_failure_ MINIKV_GUARDED_BY(mutex_);  // there was no room to record it
  bool time_wanted_ MINIKV_GUARDED_BY(mutex_) = false;
  std::int64_t next_look_ms_ MINIKV_GUARDED_BY(mutex_) = 0;  // while writes are refused

  std::atomic<std::uint64_t> seq_limit_;
  bool sequences_wanted_ MINIKV_GUARDED_BY(mutex_) = false;

  std::int64_t unsynced_since_ms_ MINIKV_GUARDED_BY(mutex_) = -1;  // what the next sync will cover
  std::int64_t syncing_since_ms_ MINIKV_GUARDED_BY(mutex_) = -1;   // what the running one will
  bool sync_wanted_ MINIKV_GUARDED_BY(mutex_) = false;

  std::function<void(const ManifestSegment&)> sealed_ MINIKV_GUARDED_BY(mutex_);
  std::deque<CompactionCommit*> commits_ MINIKV_GUARDED_BY(mutex_);
};

template <typename Condition>
Status Keeper::wait_for(Condition condition) {
  while (!condition()) {
    if (state_.health.is_read_only()) return state_.health.refusal();
    if (stopping_) return {StatusCode::kShutdown, "the store is closing"};
    changed_.wait(mutex_);
  }
  return {};
}

}  // namespace minikv::engine
