#include "engine/store/keeper.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

#include "engine/base/out_of_memory.h"
#include "engine/store/missing_log.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kMuchToRelease = 8;  // segments
constexpr std::int64_t kRetryWithoutMemoryMs = 1000;

std::chrono::steady_clock::time_point in_ms(std::int64_t ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max<std::int64_t>(ms, 0));
}

}  // namespace

Keeper::Keeper(SharedState& state, Manifest manifest, ManifestFile file)
    : state_(state),
      file_(std::move(file)),
      release_(state),
      manifest_(std::move(manifest)),
      next_segment_id_(manifest_.next_segment_id),
      seq_limit_(manifest_.seq_limit) {
  std::memcpy(store_id_, manifest_.store_id, sizeof(store_id_));
}

Keeper::~Keeper() { stop(); }

void Keeper::start() {
  state_.graveyard->set_wake([this] {
    MutexLock lock(mutex_);
    changed_.notify_all();
  });
  if (state_.options.single_threaded) {
    run_pending_if_single_threaded();
  } else {
    thread_ = std::thread([this] { run(); });
  }
}

void Keeper::stop() {
  state_.graveyard->set_wake({});
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// ---- the beginning and the end ----

Result<std::shared_ptr<Segment>> Keeper::open_log(std::shared_ptr<Segment> spare,
                                                  std::uint64_t first_sequence) {
  Status full;
  if (!spare) {
    MINIKV_TRY(prepare_spare());
    {
      MutexLock lock(mutex_);
      full = spare_failure_;
    }
    if (full.code() == StatusCode::kDiskFull) MINIKV_TRY(prepare_small_spare(true));
    MutexLock lock(mutex_);
    if (!spare_failure_ && spare_failure_.code() != StatusCode::kDiskFull) return spare_failure_;
    spare = std::exchange(spare_, nullptr);
    if (!spare)
      spare = share_segment(make_missing_log(state_.open_files, state_.directory), state_.graveyard);
  }
  is_log_missing_ = spare->id() == kNoSegment;
  Manifest next = manifest_copy();
  if (ManifestSegment* const entry = next.find(spare->id())) {
    entry->state = SegmentState::kActive;
    entry->min_seq = first_sequence;  // what recovery expects the first frame to begin with
  }
  next.clean_sequence = 0;
  next.seq_limit = std::max(next.seq_limit, first_sequence) + kSequenceBlock;
  if (Status committed = commit(next); !committed) {
    // Some file systems need room to overwrite. It is made durable with the first spare, before anything is written.
    if (!is_log_missing_ || committed.code() != StatusCode::kDiskFull) return committed;
    MutexLock lock(mutex_);
    manifest_ = next;
  }
  seq_limit_.store(next.seq_limit, std::memory_order_release);
  {
    MutexLock lock(mutex_);
    active_ = spare;
    spare_wanted_ = true;
  }
  if (const DiskRoom now = room(); spare->id() == kNoSegment || now.reserve_bytes < reserved_bytes()) {
    state_.full_disk.note_no_room(state_.clock.steady_ms());
    state_.log.warn(
        "{}: the disk is full: opened for reading and deleting; {} bytes are free, {} are kept for deletes "
        "({})",
        state_.directory, now.free_bytes, now.reserve_bytes, full.message());
  }
  return spare;
}

Status Keeper::finish(const RetiredSegment& last, std::uint64_t next_sequence) {
  stop();
  if (state_.health.is_read_only()) return state_.health.refusal();
  for (;;) {
    RetiredSegment retired;
    {
      MutexLock lock(mutex_);
      if (retired_.empty()) break;
      retired = retired_.front();
    }
    MINIKV_TRY(seal(retired));
  }
  Manifest next = manifest_copy();
  next.clean_sequence = next_sequence;
  ManifestSegment* const entry = next.find(last.segment->id());
  if (entry == nullptr) return commit(next);  // there was no room for a log
  File& file = last.segment->file();
  MINIKV_TRY(file.sync());
  state_.note_durable(last.max_seq);
  // On a full disk what the log has left is the next start's, not anybody's who comes first.
  const bool keeps_room = !has_spare() && is_disk_tight();
  const bool is_blank = last.used_bytes == sizeof(SegmentHeader);
  if (last.max_seq == 0 && (is_blank || !keeps_room)) {
    entry->state = keeps_room ? SegmentState::kSpare : SegmentState::kDropped;
    entry->min_seq = 0;
    MINIKV_TRY(commit(next));
    // The manifest says already that it does not belong to the store; the next start would unlink it too.
    if (keeps_room) return {};
    MINIKV_TRY(remove_segment_files(last.segment->id()));
    return state_.file_system.sync_dir(state_.directory);
  }
  entry->state = SegmentState::kSealed;
  entry->size = last.used_bytes;
  entry->min_seq = last.max_seq == 0 ? next_sequence - 1 : last.min_seq;
  entry->max_seq = last.max_seq == 0 ? next_sequence - 1 : last.max_seq;
  const ManifestSegment sealed_as = *entry;
  MINIKV_TRY(commit(next));
  if (!keeps_room) MINIKV_TRY(cut(file, last.segment->path(), last.used_bytes));
  std::function<void(const ManifestSegment&)> sealed;
  {
    MutexLock lock(mutex_);
    sealed = sealed_;
  }
  if (sealed) sealed(sealed_as);
  return {};
}

// ---- the thread ----

bool Keeper::sync_is_due() const {
  if (sync_wanted_) return true;
  return state_.options.fsync == Fsync::kInterval && unsynced_since_ms_ >= 0 &&
         state_.clock.steady_ms() >= unsynced_since_ms_ + state_.options.fsync_interval_ms;
}

bool Keeper::spare_is_due() const {
  return spare_wanted_ && spare_holds_ == 0 && !stopping_ && state_.clock.steady_ms() >= spare_retry_ms_;
}

bool Keeper::release_is_due() const {
  return !release_.is_empty() && !stopping_ &&
         (release_is_late() || std::chrono::steady_clock::now() >= release_.next_at());
}

// Much has gathered, or there is little other room: it goes before the next spare, and without rests.
bool Keeper::release_is_late() const {
  const std::uint64_t bytes = release_.bytes();
  if (bytes == 0) return false;
  if (bytes > kMuchToRelease * state_.options.segment_size) return true;
  const auto free = state_.file_system.free_space(state_.directory);
  return free && *free < 2 * state_.options.segment_size;
}

// Once it is being closed, it waits for nothing.
bool Keeper::may_bury() const {
  return !state_.graveyard->is_empty() && (release_.count() < kMostDying || stopping_);
}

bool Keeper::look_is_due() const {
  return are_writes_refused() && !stopping_ && state_.clock.steady_ms() >= next_look_ms_;
}

bool Keeper::has_job() const {
  if (state_.health.is_read_only()) return !commits_.empty();  // somebody waits for their refusal
  return cut_wanted_.segment_id != 0 || time_wanted_ || look_is_due() || sync_is_due() || !commits_.empty() ||
         sequences_wanted_ || !retired_.empty() || may_bury() || spare_unwanted_ || spare_is_due() ||
         release_is_due();
}

// Where the next job is one for which the time has not come, until then.
void Keeper::wait_for_job() {
  std::optional<std::chrono::steady_clock::time_point> until;
  const auto not_after = [&](std::chrono::steady_clock::time_point time) {
    if (!until || time < *until) until = time;
  };
  if (!state_.health.is_read_only()) {
    const std::int64_t now_ms = state_.clock.steady_ms();
    if (unsynced_since_ms_ >= 0 && state_.options.fsync == Fsync::kInterval)
      not_after(in_ms(unsynced_since_ms_ + state_.options.fsync_interval_ms - now_ms));
    if (spare_wanted_ && spare_holds_ == 0) not_after(in_ms(spare_retry_ms_ - now_ms));
    if (!release_.is_empty()) not_after(release_.next_at());
    if (are_writes_refused()) not_after(in_ms(next_look_ms_ - now_ms));
  }
  if (until) {
    changed_.wait_until(mutex_, *until);
  } else {
    changed_.wait(mutex_);
  }
}

void Keeper::run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!has_job()) {
        if (stopping_) return;
        wait_for_job();
      }
    }
    if (try_one_job()) continue;
    // There was no memory for it, and there is hardly any at once.
    MutexLock lock(mutex_);
    const auto until = in_ms(kRetryWithoutMemoryMs);
    if (stopping_) return;  // finish() says what it could not do
    while (!stopping_ && std::chrono::steady_clock::now() < until) changed_.wait_until(mutex_, until);
  }
}

// False: there was no memory for it. What was to be done is still to be done, and is safe to be done again.
bool Keeper::try_one_job() {
  try {
    (void)run_one_job();
    is_without_memory_told_ = false;
    return true;
  } catch (const std::bad_alloc&) {
    if (!is_without_memory_told_)
      state_.log.error("there is no memory to look after the store's files; it is tried again every second");
    is_without_memory_told_ = true;
    give_up_waiting(out_of_memory("the keeper of the store's files"));
    return false;
  }
}

// For those who can be told that it can't be had now.
void Keeper::give_up_waiting(const Status& why) {
  MutexLock lock(mutex_);
  if (!commits_.empty()) {
    commits_.front()->status = why;
    commits_.front()->done = true;
    commits_.pop_front();
  }
  if (spare_wanted_ && spare_holds_ == 0) {
    spare_failure_ = why;
    spare_retry_ms_ = state_.clock.steady_ms() + kRetryWithoutMemoryMs;
  }
  changed_.notify_all();
}

void Keeper::run_pending_if_single_threaded() {
  if (!state_.options.single_threaded) return;
  while (run_one_job()) {
  }
}

// The most urgent one first: somebody waits for a sync, a commit or sequences; nobody waits for the spare yet.
bool Keeper::run_one_job() {
  enum class Job {
    kCut,
    kSync,
    kCommit,
    kSequences,
    kSeal,
    kTime,
    kLook,
    kBury,
    kDropSpare,
    kRelease,
    kSpare
  };
  Job job;
  CompactionCommit* compaction = nullptr;
  RetiredSegment retired;
  {
    MutexLock lock(mutex_);
    if (!has_job()) return false;
    if (cut_wanted_.segment_id != 0) {
      job = Job::kCut;
    } else if (!commits_.empty()) {
      job = Job::kCommit;
      compaction = commits_.front();
    } else if (sync_is_due()) {
      job = Job::kSync;
    } else if (sequences_wanted_) {
      job = Job::kSequences;
    } else if (!retired_.empty()) {
      job = Job::kSeal;
      retired = retired_.front();
    } else if (time_wanted_) {
      job = Job::kTime;
    } else if (look_is_due()) {
      job = Job::kLook;
    } else if (may_bury()) {
      job = Job::kBury;
    } else if (spare_unwanted_) {
      job = Job::kDropSpare;
    } else if (spare_is_due() && !release_is_late()) {
      job = Job::kSpare;
    } else {
      job = Job::kRelease;
    }
  }
  Status status;
  switch (job) {
    case Job::kCut: status = record_cut(); break;
    case Job::kTime: status = record_time(); break;
    case Job::kLook: look_at_refusals(); break;
    case Job::kSync: status = sync_log(); break;
    case Job::kCommit: status = commit_now(*compaction); break;
    case Job::kSequences: status = raise_seq_limit(); break;
    case Job::kSeal: status = seal(retired); break;
    case Job::kBury: status = bury_some(); break;
    case Job::kDropSpare: status = drop_spare(); break;
    case Job::kRelease: release_.release_piece(release_is_late() ? Haste::kMost : Haste::kNone); break;
    case Job::kSpare: status = prepare_spare(); break;
  }
  if (!status) fail(status);
  MutexLock lock(mutex_);
  changed_.notify_all();
  return true;
}

void Keeper::fail(const Status& status) {
  if (!state_.health.is_read_only()) {
    state_.log.error("the store is read-only until it is restarted: {}", status.message());
  }
  state_.health.fail(status);
  MutexLock lock(mutex_);
  changed_.notify_all();
}

Manifest Keeper::manifest_copy() const {
  MutexLock lock(mutex_);
  return manifest_;
}

Status Keeper::commit(Manifest& next) {
  {
    MutexLock lock(mutex_);
    next.next_segment_id = next_segment_id_;
  }
  next.engine_time_ms = state_.clock.now_ms();
  next.lead = state_.clock.record(next.lead);
  const bool is_new_feature = !next.knows_lengths();
  next.incompat_features |= kFeatureLengths;
  Manifest kept = next;  // nothing may fail once it is on disk
  MINIKV_TRY(file_.commit(next));
  if (is_new_feature) {
    state_.log.info(
        "{}: the manifest knows the lengths of files from now on; versions of minikv from before that refuse "
        "the store "
        "(\"minikvd repair\" writes one that they open)",
        state_.directory);
  }
  MutexLock lock(mutex_);
  kept.generation = next.generation;
  manifest_ = std::move(kept);
  return {};
}

// ---- syncs ----

Status Keeper::sync_log() {
  std::vector<std::shared_ptr<Segment>> log;
  std::uint64_t covered = 0;
  {
    MutexLock lock(mutex_);
    for (const RetiredSegment& retired : retired_) log.push_back(retired.segment);
    log.push_back(active_);
    // Nothing fails for lack of memory from here on.
    sync_wanted_ = false;
    syncing_since_ms_ = std::exchange(unsynced_since_ms_, -1);
    covered = state_.written_sequence.load(std::memory_order_acquire);
  }
  for (const auto& segment : log) {
    MINIKV_TRY(segment->file().sync());
    state_.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  }
  state_.note_durable(covered);
  MutexLock lock(mutex_);
  syncing_since_ms_ = -1;
  return {};
}

void Keeper::note_unsynced() {
  {
    MutexLock lock(mutex_);
    if (unsynced_since_ms_ < 0) {
      unsynced_since_ms_ = state_.clock.steady_ms();
      changed_.notify_all();
    }
  }
  run_pending_if_single_threaded();
}

bool Keeper::sync_is_late() const {
  const std::int64_t allowed_ms = 2 * std::int64_t{state_.options.fsync_interval_ms};
  const std::int64_t since = syncing_since_ms_ >= 0 ? syncing_since_ms_ : unsynced_since_ms_;
  return since >= 0 && state_.clock.steady_ms() - since > allowed_ms;
}

Status Keeper::wait_while_sync_is_late() {
  MutexLock lock(mutex_);
  return wait_for([this]() MINIKV_REQUIRES(mutex_) { return !sync_is_late(); });
}

bool Keeper::may_hold_up(std::uint64_t next_sequence) const {
  if (next_sequence + kSequenceBlock / 4 > seq_limit_.load(std::memory_order_acquire)) return true;
  if (state_.options.fsync != Fsync::kInterval) return false;
  MutexLock lock(mutex_);
  return sync_is_late();
}

Status Keeper::make_durable(std::uint64_t sequence) {
  {
    MutexLock lock(mutex_);
    if (state_.durable_sequence.load(std::memory_order_acquire) >= sequence) return {};
    sync_wanted_ = true;
    changed_.notify_all();
  }
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  return wait_for([&] { return state_.durable_sequence.load(std::memory_order_acquire) >= sequence; });
}

// ---- sequences ----

Status Keeper::reserve_sequences(std::uint64_t end) {
  const std::uint64_t limit = seq_limit_.load(std::memory_order_acquire);
  if (end + kSequenceBlock / 2 > limit) {
    MutexLock lock(mutex_);
    sequences_wanted_ = true;
    changed_.notify_all();
  }
  if (end <= limit) return {};
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  return wait_for([&] { return end <= seq_limit_.load(std::memory_order_acquire); });
}

Status Keeper::raise_seq_limit() {
  Manifest next = manifest_copy();
  next.seq_limit += kSequenceBlock;
  MINIKV_TRY(commit(next));
  seq_limit_.store(next.seq_limit, std::memory_order_release);
  MutexLock lock(mutex_);
  sequences_wanted_ = false;
  return {};
}

// ---- what the manifest is to say for the writer ----

Status Keeper::allow_cut(std::uint64_t segment_id, std::uint64_t bytes) {
  const auto is_allowed = [&]() MINIKV_REQUIRES(mutex_) {
    const ManifestSegment* const entry = manifest_.find(segment_id);
    return entry == nullptr || entry->size <= bytes;
  };
  {
    MutexLock lock(mutex_);
    if (is_allowed()) return {};
    cut_wanted_ = {segment_id, bytes};
    cut_failure_ = Status();
    changed_.notify_all();
  }
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  MINIKV_TRY(wait_for([&]() MINIKV_REQUIRES(mutex_) { return is_allowed() || !cut_failure_; }));
  return cut_failure_;
}

Status Keeper::record_cut() {
  Manifest next = manifest_copy();
  {
    MutexLock lock(mutex_);
    if (ManifestSegment* const entry = next.find(cut_wanted_.segment_id))
      entry->size = std::min(entry->size, cut_wanted_.bytes);
  }
  Status committed = commit(next);
  MutexLock lock(mutex_);
  cut_wanted_ = {};
  if (committed.code() != StatusCode::kDiskFull) return committed;
  cut_failure_ = std::move(committed);  // the manifest is as it was
  return {};
}

void Keeper::note_time() {
  {
    MutexLock lock(mutex_);
    time_wanted_ = true;
    changed_.notify_all();
  }
  run_pending_if_single_threaded();
}

LeadRecord Keeper::lead() const {
  MutexLock lock(mutex_);
  return manifest_.lead;
}

Status Keeper::record_time() {
  Manifest next = manifest_copy();
  const Status committed = commit(next);
  MutexLock lock(mutex_);
  time_wanted_ = false;
  return committed.code() == StatusCode::kDiskFull ? Status() : committed;
}

}  // namespace minikv::engine
