#include "engine/store/keeper.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <random>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

constexpr std::int64_t kSpareRetryMs = 1000;

std::chrono::steady_clock::time_point in_ms(std::int64_t ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max<std::int64_t>(ms, 0));
}

}  // namespace

Keeper::Keeper(SharedState& state, Manifest manifest, ManifestFile file)
    : state_(state),
      file_(std::move(file)),
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
  if (!is_blank) return {};
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
  return spare_wanted_ && !stopping_ && state_.clock.steady_ms() >= spare_retry_ms_;
}

bool Keeper::has_job() const {
  if (state_.health.is_read_only()) return !commits_.empty();  // somebody waits for their refusal
  return sync_is_due() || !commits_.empty() || sequences_wanted_ || !retired_.empty() ||
         !state_.graveyard->is_empty() || spare_is_due();
}

void Keeper::run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!has_job()) {
        if (stopping_) return;
        if (state_.health.is_read_only()) {
          changed_.wait(mutex_);
        } else if (unsynced_since_ms_ >= 0 && state_.options.fsync == Fsync::kInterval) {
          changed_.wait_until(mutex_, in_ms(unsynced_since_ms_ + state_.options.fsync_interval_ms -
                                            state_.clock.steady_ms()));
        } else if (spare_wanted_) {
          changed_.wait_until(mutex_, in_ms(spare_retry_ms_ - state_.clock.steady_ms()));
        } else {
          changed_.wait(mutex_);
        }
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
  enum class Job { kSync, kCommit, kSequences, kSeal, kBury, kSpare };
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
    } else {
      job = Job::kSpare;
    }
  }
  Status status;
  switch (job) {
    case Job::kSync: status = sync_log(); break;
    case Job::kCommit: status = commit_now(*compaction); break;
    case Job::kSequences: status = raise_seq_limit(); break;
    case Job::kSeal: status = seal(retired); break;
    case Job::kBury: status = bury(); break;
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

template <typename Condition>
Status Keeper::wait_for(Condition condition) {
  while (!condition()) {
    if (state_.health.is_read_only()) return state_.health.refusal();
    if (stopping_) return {StatusCode::kShutdown, "the store is closing"};
    changed_.wait(mutex_);
  }
  return {};
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

Status Keeper::wait_while_sync_is_late() {
  MutexLock lock(mutex_);
  const std::int64_t allowed_ms = 2 * std::int64_t{state_.options.fsync_interval_ms};
  return wait_for([&]() MINIKV_REQUIRES(mutex_) {
    const std::int64_t since = syncing_since_ms_ >= 0 ? syncing_since_ms_ : unsynced_since_ms_;
    return since < 0 || state_.clock.steady_ms() - since <= allowed_ms;
  });
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

// ---- segments ----

std::uint64_t Keeper::allocate_segment_id() {
  MutexLock lock(mutex_);
  return next_segment_id_++;
}

std::vector<ManifestSegment> Keeper::segments() const {
  MutexLock lock(mutex_);
  return manifest_.segments;
}

Status Keeper::create_segment_file(const SegmentIdentity& identity, SegmentKind kind, std::uint64_t size,
                                   const std::string& temporary_path, bool fill) {
  if (Status removed = state_.file_system.remove(temporary_path);
      !removed && removed.code() != StatusCode::kNotFound) {
    return removed;
  }
  auto file = state_.file_system.open(temporary_path, OpenMode::kCreate);
  if (!file) return file.status();
  const SegmentHeader header = make_segment_header(identity, kind, store_id_, state_.clock.now_ms());
  const std::string_view header_bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  MINIKV_TRY((*file)->write(0, std::array{header_bytes}));
  // Synced every few MiB, so that a writer's sync never waits for a large flush.
  constexpr std::uint64_t kPieceBytes = kMiB, kSyncEveryBytes = 8 * kMiB;
  if (fill) {
    const std::string zeros(static_cast<std::size_t>(std::min(size, kPieceBytes)), '\0');
    std::uint64_t offset = sizeof(header);
    while (offset < size) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - offset));
      MINIKV_TRY((*file)->write(offset, std::array{std::string_view(zeros).substr(0, piece)}));
      offset += piece;
      if (offset % kSyncEveryBytes < kPieceBytes) MINIKV_TRY((*file)->sync());
    }
  }
  return (*file)->sync();
}

Status Keeper::prepare_spare() {
  const std::uint64_t size = state_.options.segment_size;
  std::random_device random;
  const SegmentIdentity identity{allocate_segment_id(), std::uint64_t{random()} << 32 | random()};
  const std::string path = state_.path_of(identity.id);
  const std::string temporary = path + ".tmp";

  const auto free = state_.file_system.free_space(state_.directory);
  Status made =
      free && *free < size + kMiB
          ? Status(StatusCode::kDiskFull,
                   fmt::format("{}: {} bytes free, the next segment needs {}", state_.directory, *free, size))
          : create_segment_file(identity, SegmentKind::kLog, size, temporary, true);
  // The manifest must not name what a power cut could take.
  if (made) made = state_.file_system.sync_dir(state_.directory);
  if (!made) {
    // Nobody depends on the file yet. The writer goes on in its segment, which grows meanwhile.
    (void)state_.file_system.remove(temporary);
    state_.log.warn("no spare segment: {}", made.message());
    MutexLock lock(mutex_);
    spare_failure_ = made;
    spare_retry_ms_ = state_.clock.steady_ms() + kSpareRetryMs;
    return {};
  }
  Manifest next = manifest_copy();
  ManifestSegment entry{};
  entry.id = identity.id;
  entry.salt = identity.salt;
  entry.size = size;
  entry.kind = SegmentKind::kLog;
  entry.state = SegmentState::kSpare;
  next.segments.push_back(entry);
  MINIKV_TRY(commit(next));
  // Only a file under its final name is ever written to; one under the temporary name is blank.
  MINIKV_TRY(state_.file_system.rename(temporary, path));
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  auto segment = open_segment(state_.file_system, path, OpenMode::kReadWrite, identity, SegmentKind::kLog,
                              log_map_bytes(state_.options));
  if (!segment) return segment.status();
  (*segment)->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);

  MutexLock lock(mutex_);
  spare_ = share_segment(std::move(*segment), state_.graveyard);
  spare_wanted_ = false;
  spare_failure_ = Status();
  return {};
}

std::shared_ptr<Segment> Keeper::take_spare() {
  MutexLock lock(mutex_);
  return std::exchange(spare_, nullptr);
}

Result<std::shared_ptr<Segment>> Keeper::wait_for_spare() {
  {
    MutexLock lock(mutex_);
    if (!spare_) {
      spare_wanted_ = true;
      spare_failure_ = Status();
      spare_retry_ms_ = 0;
      changed_.notify_all();
    }
  }
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  MINIKV_TRY(
      wait_for([this]() MINIKV_REQUIRES(mutex_) { return spare_ != nullptr || !spare_failure_.is_ok(); }));
  if (!spare_) return spare_failure_;
  return std::exchange(spare_, nullptr);
}

void Keeper::retire(const RetiredSegment& full, std::shared_ptr<Segment> next) {
  MutexLock lock(mutex_);
  retired_.push_back(full);
  active_ = std::move(next);
  changed_.notify_all();
}

Status Keeper::seal(const RetiredSegment& retired) {
  File& file = retired.segment->file();
  MINIKV_TRY(file.sync());
  MINIKV_TRY(file.truncate(retired.used_bytes));
  MINIKV_TRY(file.sync());
  Manifest next = manifest_copy();
  ManifestSegment& entry = *next.find(retired.segment->id());
  entry.state = SegmentState::kSealed;
  entry.size = retired.used_bytes;
  entry.min_seq = retired.min_seq;
  entry.max_seq = retired.max_seq;
  {
    MutexLock lock(mutex_);
    const auto& successor = retired_.size() > 1 ? retired_[1].segment : active_;
    ManifestSegment& following = *next.find(successor->id());
    following.state = SegmentState::kActive;
    following.min_seq = retired.max_seq + 1;
  }
  MINIKV_TRY(commit(next));
  std::function<void()> sealed;
  {
    MutexLock lock(mutex_);
    retired_.pop_front();
    if (!spare_) spare_wanted_ = true;
    sealed = sealed_;
  }
  if (sealed) sealed();
  return {};
}

void Keeper::on_sealed(std::function<void()> callback) {
  MutexLock lock(mutex_);
  sealed_ = std::move(callback);
}

Status Keeper::wait_until_sealed() {
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  return wait_for([this]() MINIKV_REQUIRES(mutex_) { return retired_.empty(); });
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

// ---- compaction ----

Status Keeper::commit_compaction(const std::vector<ManifestSegment>& outputs,
                                 const std::vector<std::uint64_t>& inputs) {
  CompactionCommit request{outputs, inputs, false, {}};
  {
    MutexLock lock(mutex_);
    commits_.push_back(&request);
    changed_.notify_all();
  }
  run_pending_if_single_threaded();
  MutexLock lock(mutex_);
  // Waited for whatever happens: the request lives on this stack.
  while (!request.done) changed_.wait(mutex_);
  return request.status;
}

Status Keeper::commit_now(CompactionCommit& request) {
  Status status = state_.health.is_read_only() ? state_.health.refusal() : Status();
  if (status) {
    Manifest next = manifest_copy();
    for (const std::uint64_t id : request.inputs) next.find(id)->state = SegmentState::kDropped;
    next.segments.insert(next.segments.end(), request.outputs.begin(), request.outputs.end());
    status = commit(next);
  }
  MutexLock lock(mutex_);
  commits_.pop_front();
  request.status = status;
  request.done = true;
  return status;
}

Status Keeper::sweep() {
  Manifest next = manifest_copy();
  bool any = false;
  for (const ManifestSegment& entry : next.segments) {
    if (entry.state != SegmentState::kDropped) continue;
    any = true;
    if (Status removed = state_.file_system.remove(state_.path_of(entry.id));
        !removed && removed.code() != StatusCode::kNotFound) {
      return removed;
    }
  }
  if (!any) return {};
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  std::erase_if(next.segments,
                [](const ManifestSegment& entry) { return entry.state == SegmentState::kDropped; });
  return commit(next);
}

Status Keeper::bury() {
  auto dead = state_.graveyard->take();
  Manifest next = manifest_copy();
  bool any = false;
  for (const auto& segment : dead) {
    const ManifestSegment* entry = next.find(segment->id());
    if (entry == nullptr || entry->state != SegmentState::kDropped) continue;
    any = true;
    if (Status removed = state_.file_system.remove(segment->path());
        !removed && removed.code() != StatusCode::kNotFound) {
      return removed;
    }
    std::erase_if(next.segments, [&](const ManifestSegment& other) { return other.id == segment->id(); });
  }
  dead.clear();
  if (!any) return {};
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  return commit(next);
}

}  // namespace minikv::engine
