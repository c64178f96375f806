#include "engine/store/keeper.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace minikv::engine {
namespace {

constexpr std::uint64_t kMuchToRelease = 8;  // segments
constexpr std::uint64_t kSmallLogBytes = 16 * 1024;

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
  if (!spare) {
    MINIKV_TRY(prepare_spare());
    if (spare_code() == StatusCode::kDiskFull) {
      MINIKV_TRY(create_spare(std::min(kSmallLogBytes, state_.options.segment_size), 0));
      MINIKV_TRY(prepare_spare());
    }
    MutexLock lock(mutex_);
    if (!spare_failure_.is_ok()) return spare_failure_;
    spare = std::exchange(spare_, nullptr);
  }
  Manifest next = manifest_copy();
  ManifestSegment& entry = *next.find(spare->id());
  entry.state = SegmentState::kActive;
  entry.min_seq = first_sequence;  // what recovery expects the first frame to begin with
  next.clean_sequence = 0;
  next.seq_limit = std::max(next.seq_limit, first_sequence) + kSequenceBlock;
  MINIKV_TRY(commit(next));
  seq_limit_.store(next.seq_limit, std::memory_order_release);
  MutexLock lock(mutex_);
  active_ = spare;
  spare_wanted_ = true;
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
  const bool is_blank = last.max_seq == 0;
  File& file = last.segment->file();
  if (!is_blank) {
    MINIKV_TRY(file.sync());
    MINIKV_TRY(file.truncate(last.used_bytes));
    MINIKV_TRY(file.sync());
    SharedState::raise(state_.durable_sequence, last.max_seq);
  }
  Manifest next = manifest_copy();
  ManifestSegment& entry = *next.find(last.segment->id());
  entry.state = is_blank ? SegmentState::kDropped : SegmentState::kSealed;
  entry.size = last.used_bytes;
  entry.min_seq = last.min_seq;
  entry.max_seq = last.max_seq;
  next.clean_sequence = next_sequence;
  MINIKV_TRY(commit(next));
  if (!is_blank) {
    std::function<void(const ManifestSegment&)> sealed;
    {
      MutexLock lock(mutex_);
      sealed = sealed_;
    }
    if (sealed) sealed(*next.find(last.segment->id()));
    return {};
  }
  // The manifest says already that it does not belong to the store; the next start would unlink it too.
  MINIKV_TRY(state_.file_system.remove(last.segment->path()));
  return state_.file_system.sync_dir(state_.directory);
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

bool Keeper::has_job() const {
  if (state_.health.is_read_only()) return !commits_.empty();  // somebody waits for their refusal
  return sync_is_due() || !commits_.empty() || sequences_wanted_ || !retired_.empty() ||
         !state_.graveyard->is_empty() || spare_unwanted_ || spare_is_due() || release_is_due();
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
    run_one_job();
  }
}

void Keeper::run_pending_if_single_threaded() {
  if (!state_.options.single_threaded) return;
  while (run_one_job()) {
  }
}

// The most urgent one first: somebody waits for a sync, a commit or sequences; nobody waits for the spare yet.
bool Keeper::run_one_job() {
  enum class Job { kSync, kCommit, kSequences, kSeal, kBury, kDropSpare, kRelease, kSpare };
  Job job;
  CompactionCommit* compaction = nullptr;
  RetiredSegment retired;
  {
    MutexLock lock(mutex_);
    if (!has_job()) return false;
    if (!commits_.empty()) {
      job = Job::kCommit;
      compaction = commits_.front();
    } else if (sync_is_due()) {
      job = Job::kSync;
    } else if (sequences_wanted_) {
      job = Job::kSequences;
    } else if (!retired_.empty()) {
      job = Job::kSeal;
      retired = retired_.front();
    } else if (!state_.graveyard->is_empty()) {
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
    case Job::kSync: status = sync_log(); break;
    case Job::kCommit: status = commit_now(*compaction); break;
    case Job::kSequences: status = raise_seq_limit(); break;
    case Job::kSeal: status = seal(retired); break;
    case Job::kBury: status = bury(); break;
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
  MINIKV_TRY(file_.commit(next));
  MutexLock lock(mutex_);
  manifest_ = next;
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
    sync_wanted_ = false;
    syncing_since_ms_ = std::exchange(unsynced_since_ms_, -1);
    covered = state_.written_sequence.load(std::memory_order_acquire);
  }
  for (const auto& segment : log) {
    MINIKV_TRY(segment->file().sync());
    state_.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  }
  SharedState::raise(state_.durable_sequence, covered);
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

}  // namespace minikv::engine
