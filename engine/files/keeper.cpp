// How the keeper begins and ends, its thread, and which job comes next.
#include "engine/files/keeper.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <new>
#include <optional>

#include "engine/base/out_of_memory.h"
#include "engine/files/missing_log.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kRetryWithoutMemoryMs = 1000;

std::chrono::steady_clock::time_point in_ms(std::int64_t ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max<std::int64_t>(ms, 0));
}

}  // namespace

Keeper::Keeper(StoreContext& context, Manifest manifest, ManifestFile file)
    : context_(context),
      monitor_(context, [this] { run_pending(); }),
      manifest_(context, monitor_, std::move(manifest), std::move(file)),
      disk_(context, monitor_, manifest_),
      remover_(context, monitor_, manifest_, disk_),
      syncer_(context, monitor_, log_),
      spare_(context, monitor_, manifest_, log_, disk_, remover_, syncer_,
             [this] { return is_spare_urgent(); }),
      refusal_watch_(context, monitor_, disk_, spare_),
      seq_limit_(manifest_.copy().seq_limit) {}

Keeper::~Keeper() { stop(); }

// ---- the beginning and the end ----

Status Keeper::cut_overlong(const std::vector<Overlong>& overlong) {
  assert(stage_ == Stage::kMade);
  stage_ = Stage::kSettled;
  Manifest next = manifest_.copy();
  const auto is_dropped = [](const ManifestSegment& entry) { return entry.state == SegmentState::kDropped; };
  const bool has_dropped = std::any_of(next.segments.begin(), next.segments.end(), is_dropped);
  if (overlong.empty() && !has_dropped) return {};
  Status committed = manifest_.commit(next);
  if (committed.code() == StatusCode::kDiskFull) {
    context_.log.warn("{}: what the last run has left takes room until the next start: {}",
                      context_.directory, committed.message());
    return {};
  }
  MINIKV_TRY(std::move(committed));
  for (const Overlong& segment : overlong) {
    const std::string path = context_.path_of(segment.segment_id);
    auto file = context_.file_system.open(path, OpenMode::kReadWrite);
    if (!file) return file.status();
    MINIKV_TRY(cut(**file, path, segment.bytes));
  }
  return has_dropped ? remover_.sweep() : Status();
}

Result<std::shared_ptr<Segment>> Keeper::open_log(std::shared_ptr<Segment> spare,
                                                  std::uint64_t first_sequence) {
  assert(stage_ == Stage::kSettled);
  stage_ = Stage::kLogOpen;
  Status full;
  if (!spare) {
    auto made = spare_.make_first(full);
    if (!made) return made.status();
    spare = std::move(*made);
    if (!spare)
      spare = share_segment(make_missing_log(context_.open_files, context_.directory), context_.graveyard);
  }
  const bool is_missing = spare->id() == kNoSegment;
  Manifest next = manifest_.copy();
  if (ManifestSegment* const entry = next.find(spare->id())) {
    entry->state = SegmentState::kActive;
    entry->min_seq = first_sequence;  // what recovery expects the first frame to begin with
  }
  next.clean_sequence = 0;
  next.seq_limit = std::max(next.seq_limit, first_sequence + kSequenceBlock);
  if (Status committed = manifest_.commit(next); !committed) {
    // Some file systems need room to overwrite. The manifest becomes durable with the first spare, before
    // anything is written.
    if (!is_missing || committed.code() != StatusCode::kDiskFull) return committed;
    manifest_.assume(next);
  }
  seq_limit_.store(next.seq_limit, std::memory_order_release);
  {
    MutexLock lock(monitor_.mutex());
    log_.begin(spare);
    spare_.want();
  }
  if (const DiskRoom room = spare_.room(); is_missing || room.reserve_bytes < disk_.reserved_bytes())
    refusal_watch_.note_opened_full(room, full);
  return spare;
}

void Keeper::on_sealed(std::function<void(const ManifestSegment&)> callback) {
  assert(stage_ < Stage::kStarted);
  sealed_ = std::move(callback);
}

void Keeper::on_disk_tight(std::function<void()> callback) {
  assert(stage_ < Stage::kStarted);
  disk_.on_tight(std::move(callback));
}

void Keeper::start() {
  assert(stage_ == Stage::kLogOpen);
  stage_ = Stage::kStarted;
  context_.graveyard->set_wake([this] {
    MutexLock lock(monitor_.mutex());
    monitor_.notify_all();
  });
  if (context_.options.single_threaded) {
    run_pending();
  } else {
    thread_ = std::thread([this] { run(); });
  }
}

void Keeper::stop() {
  context_.graveyard->set_wake({});
  monitor_.stop();
  if (thread_.joinable()) thread_.join();
}

Status Keeper::finish(const RetiredSegment& last, std::uint64_t next_sequence) {
  assert(stage_ == Stage::kStarted);
  stage_ = Stage::kFinished;
  stop();
  if (context_.health.is_read_only()) return context_.health.refusal();
  const auto has_retired = [this] {
    MutexLock lock(monitor_.mutex());
    return log_.has_retired();
  };
  while (has_retired()) MINIKV_TRY(seal_oldest());
  MINIKV_TRY(remover_.unlink_all_dropped());
  return seal_last(last, next_sequence);
}

// ---- the thread ----

// The most urgent job comes first. The writer or a compaction waits for a cut, a commit, a sync or sequences;
// nothing waits for the spare yet.
Keeper::Job Keeper::next_job() const {
  // A compaction waits for the refusal of its commit.
  if (context_.health.is_read_only() && commits_.empty()) return Job::kNone;
  if (cut_wanted_.segment_id != kNoSegment) return Job::kCut;
  if (!commits_.empty()) return Job::kCommit;
  if (syncer_.is_due()) return Job::kSync;
  if (are_sequences_wanted_) return Job::kSequences;
  if (log_.has_retired()) return Job::kSeal;
  if (is_time_wanted_) return Job::kTime;
  if (refusal_watch_.is_look_due()) return Job::kLook;
  if (!context_.graveyard->is_empty()) return Job::kBury;
  if (spare_.is_unwanted()) return Job::kDropSpare;
  const bool is_spare_due = spare_.is_due();
  const bool takes_room = !disk_.has_recyclable();
  if (is_spare_due && !(takes_room && disk_.is_release_late())) return Job::kSpare;
  if (disk_.is_unlinking_due()) return Job::kUnlink;
  return is_spare_due || disk_.is_release_due() ? Job::kRelease : Job::kNone;
}

Status Keeper::carry_out(Job job) {
  switch (job) {
    case Job::kNone: break;
    case Job::kCut: return record_cut();
    case Job::kCommit: return commit_oldest();
    case Job::kSync: return syncer_.sync();
    case Job::kSequences: return raise_seq_limit();
    case Job::kSeal: return seal_oldest();
    case Job::kTime: return record_time();
    case Job::kLook: refusal_watch_.look(); break;
    case Job::kBury: return remover_.bury();
    case Job::kUnlink: return unlink_dropped();
    case Job::kDropSpare: return spare_.drop();
    case Job::kSpare: return spare_.prepare();
    case Job::kRelease: disk_.release_piece(); break;
  }
  return {};
}

// False: there was nothing to do.
bool Keeper::run_one_job() {
  Job job = Job::kNone;
  {
    MutexLock lock(monitor_.mutex());
    job = next_job();
  }
  if (job == Job::kNone) return false;
  const Status status = carry_out(job);
  if (!status) monitor_.fail(status);
  MutexLock lock(monitor_.mutex());
  monitor_.notify_all();
  return true;
}

void Keeper::run_pending() {
  while (run_one_job()) {
  }
}

void Keeper::run() {
  for (;;) {
    {
      MutexLock lock(monitor_.mutex());
      while (next_job() == Job::kNone) {
        if (monitor_.is_stopping()) return;
        wait_for_job();
      }
    }
    if (try_one_job()) continue;
    // There was no memory for the job, and there will hardly be any at once.
    MutexLock lock(monitor_.mutex());
    const auto until = in_ms(kRetryWithoutMemoryMs);
    if (monitor_.is_stopping()) return;  // finish() says what it could not do
    while (!monitor_.is_stopping() && std::chrono::steady_clock::now() < until) monitor_.wait_until(until);
  }
}

// Waits for a job, at most until the next one is due by its time.
void Keeper::wait_for_job() {
  std::optional<std::chrono::steady_clock::time_point> until;
  const auto not_after = [&](std::chrono::steady_clock::time_point time) {
    if (!until || time < *until) until = time;
  };
  if (!context_.health.is_read_only()) {
    const std::int64_t now_ms = context_.clock.steady_ms();
    for (const auto at_ms :
         {syncer_.interval_ends_at_ms(), spare_.due_at_ms(), refusal_watch_.next_look_ms()}) {
      if (at_ms) not_after(in_ms(*at_ms - now_ms));
    }
    if (disk_.is_giving_back()) not_after(disk_.next_release_at());
    // Where no more files may give their space back, a release comes first.
    if (disk_.has_recyclable() && disk_.room_to_give_back() > 0)
      not_after(in_ms(disk_.dropped().kept_until_ms() - now_ms));
  }
  if (until) {
    monitor_.wait_until(*until);
  } else {
    monitor_.wait();
  }
}

// False: there was no memory for the job. It is still to be done, and may safely be done again.
bool Keeper::try_one_job() {
  try {
    (void)run_one_job();
    is_without_memory_told_ = false;
    return true;
  } catch (const std::bad_alloc&) {
    if (!is_without_memory_told_)
      context_.log.error(
          "there is no memory to look after the store's files; it is tried again every second");
    is_without_memory_told_ = true;
    give_up_waiting(out_of_memory("the keeper of the store's files"));
    return false;
  }
}

// Answers the waits that can be refused with `why`.
void Keeper::give_up_waiting(const Status& why) {
  MutexLock lock(monitor_.mutex());
  if (!commits_.empty()) {
    commits_.front()->status = why;
    commits_.front()->done = true;
    commits_.pop_front();
  }
  spare_.give_up(why, context_.clock.steady_ms() + kRetryWithoutMemoryMs);
  monitor_.notify_all();
}

// Whether the writer's segment is half full, or there is none yet, or something waits for the keeper's next
// job.
bool Keeper::is_spare_urgent() const {
  MutexLock lock(monitor_.mutex());
  const Segment* const active = log_.active();
  return active == nullptr || !commits_.empty() || are_sequences_wanted_ || syncer_.is_due() ||
         monitor_.is_stopping() ||
         active->used_bytes.load(std::memory_order_relaxed) > context_.options.segment_size / 2;
}

}  // namespace minikv::engine
