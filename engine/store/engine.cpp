#include "engine/store/engine.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "engine/store/blocking_task.h"
#include "engine/store/file_check.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kMaxSegmentSize = 4096 * kMiB;
constexpr std::uint64_t kMaxValueBytes = 1024 * kMiB;
constexpr std::uint32_t kMaxCompactionThreads = 16;

Status check_options(const Options& options) {
  const auto refuse = [](std::string message) {
    return Status(StatusCode::kInvalidArgument, std::move(message));
  };
  if (options.segment_size < options.min_segment_size || options.segment_size > kMaxSegmentSize) {
    return refuse(fmt::format("segment_size is {} and must be from {} to {} bytes", options.segment_size,
                              options.min_segment_size, kMaxSegmentSize));
  }
  if (options.max_key_bytes > kMaxKeyBytes)
    return refuse(fmt::format("max_key_bytes is at most {}", kMaxKeyBytes));
  if (options.max_value_bytes > kMaxValueBytes) {
    return refuse(fmt::format("max_value_bytes is at most {}", kMaxValueBytes));
  }
  if (options.max_batch_bytes < options.max_value_bytes || options.max_batch_bytes > 2 * kMaxValueBytes) {
    return refuse(fmt::format("max_batch_bytes must be from max_value_bytes to {}", 2 * kMaxValueBytes));
  }
  if (options.reader_threads == 0) return refuse("reader_threads must be at least 1");
  if (options.compaction_threads == 0 || options.compaction_threads > kMaxCompactionThreads) {
    return refuse(fmt::format("compaction_threads must be from 1 to {}", kMaxCompactionThreads));
  }
  if (!(options.compaction_dead_ratio > 0 && options.compaction_dead_ratio <= 1)) {
    return refuse("compaction_dead_ratio must be above 0 and at most 1");
  }
  if (options.fsync == Fsync::kInterval && options.fsync_interval_ms == 0) {
    return refuse("fsync_interval_ms must be at least 1");
  }
  return {};
}

// Refuses a directory that is somebody else's before a lock file is put into it.
Status check_directory(FileSystem& file_system, const std::string& directory, bool create) {
  auto names = file_system.list(directory);
  if (names.code() == StatusCode::kNotFound) {
    if (!create) return {StatusCode::kNotFound, directory + ": there is no such directory"};
    return file_system.create_dir(directory);
  }
  if (!names) return names.status();
  const bool has_manifest = std::find(names->begin(), names->end(), ManifestFile::kName) != names->end();
  if (has_manifest) return {};
  MINIKV_TRY(check_is_blank(directory, *names));
  if (!create) return {StatusCode::kNotFound, directory + ": there is no store"};
  // Somebody made it, and perhaps died before it was durable.
  return file_system.create_dir(directory);
}

// Puts the `lost` records of a recovery into the log.
class LostTask final : public BlockingTask {
 public:
  explicit LostTask(const std::vector<LostKey>& lost) : lost_(lost) {}
  void execute(Transaction& transaction) override {
    auto& group = static_cast<Group&>(transaction);
    for (const LostKey& key : lost_) {
      types_.push_back(static_cast<char>(key.type));
      group.add_lost(key.key, key.sequence, std::string_view(types_).substr(types_.size() - 1));
    }
  }

 private:
  const std::vector<LostKey>& lost_;
  std::string types_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(const std::string& directory, const Options& options) {
  MINIKV_TRY(check_options(options));
  FileSystem& file_system = options.file_system != nullptr ? *options.file_system : FileSystem::posix();
  const Clock& clock = options.clock != nullptr ? *options.clock : Clock::system();
  MINIKV_TRY(check_directory(file_system, directory, options.create_if_missing));
  auto lock = file_system.lock(directory + "/LOCK");
  if (lock.code() == StatusCode::kLocked) {
    return {StatusCode::kLocked,
            fmt::format("{}: another process has this store open: stop it, or name another data directory",
                        directory)};
  }
  if (!lock) return lock.status();
  auto state = std::make_unique<SharedState>(options, file_system, clock, directory);
  std::unique_ptr<Engine> engine(new Engine(std::move(*lock), std::move(state)));
  if (Status started = engine->start(); !started) {
    engine->closing_ = true;  // there is nothing to close in order
    return started;
  }
  return engine;
}

Result<Manifest> Engine::load_or_create_manifest(SharedState& state, ManifestFile& file) {
  std::string note;
  auto manifest = file.load(&note);
  if (!note.empty()) state.log.error("{}", note);
  if (manifest.code() != StatusCode::kNotFound) return manifest;
  auto names = state.file_system.list(state.directory);
  if (!names) return names.status();
  MINIKV_TRY(check_is_blank(state.directory, *names));
  Manifest fresh;
  std::random_device random;
  for (std::uint8_t& byte : fresh.store_id) byte = static_cast<std::uint8_t>(random());
  fresh.clean_sequence = 1;
  fresh.engine_time_ms = state.clock.now_ms();
  MINIKV_TRY(file.commit(fresh));
  return fresh;
}

Status Engine::start() {
  ManifestFile file(state_->file_system, state_->directory);
  auto manifest = load_or_create_manifest(*state_, file);
  if (!manifest) return manifest.status();
  Recovery recovery(*state_, std::move(*manifest));
  auto recovered = recovery.run();
  if (!recovered) return recovered.status();

  const std::uint64_t next = recovered->next_sequence;
  state_->written_sequence = state_->durable_sequence = state_->visible_sequence = next - 1;
  keeper_ = std::make_unique<Keeper>(*state_, std::move(recovered->manifest), std::move(file));
  auto active = keeper_->open_log(std::move(recovered->spare), next);
  if (!active) return active.status();
  MINIKV_TRY(keeper_->sweep());
  {
    ExclusiveGuard guard(state_->lock);
    state_->segments.emplace(static_cast<std::uint32_t>((*active)->id()), *active);
  }
  readers_ =
      std::make_unique<ReaderPool>(state_->options.single_threaded ? 0 : state_->options.reader_threads);
  writer_ = std::make_unique<Writer>(*state_, *keeper_, *readers_, std::move(*active), next);
  keeper_->on_sealed([this](const ManifestSegment& sealed) {
    want_hint(sealed);
    wake_compactors();
  });
  keeper_->on_disk_tight([this] { wake_compactors(); });
  keeper_->start();
  writer_->start();
  start_putting_in_order();
  MINIKV_TRY(write_lost_records(recovered->lost));
  for (const ManifestSegment& entry : recovered->without_hint) want_hint(entry);
  start_background_compaction();
  state_->log.info("{}: open, {} keys, next sequence {}, {} ms", state_->directory, size(), next,
                   state_->counters.recovery_ms.load());
  return {};
}

void Engine::want_hint(const ManifestSegment& segment) {
  state_->background.add([this, segment] { make_hint(*state_, keeper_->store_id(), segment); });
}

// Before anything is answered: so that a key which was lost stays named, also when the damaged bytes have been compacted
// away.
Status Engine::write_lost_records(const std::vector<LostKey>& lost) {
  if (lost.empty()) return {};
  LostTask task(lost);
  WriteTask* const tasks[] = {&task};
  (void)writer_->submit(tasks, CommitHere::kNo);
  return task.wait();
}

Engine::~Engine() {
  if (!closing_) {
    if (Status closed = close(); !closed) state_->log.error("{}: {}", state_->directory, closed.message());
  }
  stop_background_compaction();
  if (writer_) writer_->stop();
  stop_putting_in_order();
  if (readers_) readers_->stop();
  if (keeper_) keeper_->stop();
  state_->background.stop();
}

Status Engine::close() {
  if (closing_.exchange(true)) return {StatusCode::kShutdown, "the store is closed"};
  stop_background_compaction();
  writer_->stop();
  stop_putting_in_order();
  const Status finished = keeper_->finish(writer_->active(), writer_->next_sequence());
  if (finished) state_->background.finish();
  state_->background.stop();
  lock_.reset();  // from here on nothing is written any more, and somebody else may open the directory
  if (finished) state_->log.info("{}: closed, {} keys", state_->directory, size());
  return finished;
}

bool Engine::submit(std::span<WriteTask* const> tasks, CommitHere here) {
  const bool are_done = writer_->submit(tasks, here);
  if (!state_->options.single_threaded || state_->options.compaction_threshold == 0) return are_done;
  while (compact_if_due()) {
  }
  return are_done;
}

Status Engine::check_sizes(std::string_view key, std::uint64_t value_bytes) const {
  const Options& limits = state_->options;
  if (key.size() > limits.max_key_bytes) {
    return {StatusCode::kInvalidArgument, fmt::format("the key has {} bytes, and at most {} are allowed",
                                                      key.size(), limits.max_key_bytes)};
  }
  if (value_bytes > limits.max_value_bytes) {
    return {StatusCode::kInvalidArgument, fmt::format("the value has {} bytes, and at most {} are allowed",
                                                      value_bytes, limits.max_value_bytes)};
  }
  return {};
}

Stats Engine::stats() const {
  const Counters& counters = state_->counters;
  Stats stats;
  stats.last_sequence = state_->visible_sequence.load(std::memory_order_acquire);
  stats.durable_sequence = state_->durable_sequence.load(std::memory_order_acquire);
  stats.groups = counters.groups.load(std::memory_order_relaxed);
  stats.writes = counters.writes.load(std::memory_order_relaxed);
  stats.syncs = counters.syncs.load(std::memory_order_relaxed);
  stats.compactions = counters.compactions.load(std::memory_order_relaxed);
  stats.reclaimed_bytes = counters.reclaimed_bytes.load(std::memory_order_relaxed);
  stats.lost_keys = counters.lost_keys.load(std::memory_order_relaxed);
  stats.expired_keys = counters.expired_keys.load(std::memory_order_relaxed);
  stats.cut_bytes = counters.cut_bytes.load(std::memory_order_relaxed);
  stats.recovery_ms = counters.recovery_ms.load(std::memory_order_relaxed);
  stats.read_only = state_->health.is_read_only();
  stats.read_only_reason = state_->health.reason();
  std::uint64_t used_bytes = 0;
  {
    SharedGuard guard(state_->lock);
    stats.keys_with_expiry = state_->index.keys_with_expiry();
    stats.keys = state_->key_count(state_->clock.now_ms());
    stats.index_bytes = state_->index.memory_bytes();
    stats.segments = state_->segments.size();
    for (const auto& [id, segment] : state_->segments) {
      stats.live_bytes += segment->live_bytes.load(std::memory_order_relaxed);
      used_bytes += segment->used_bytes.load(std::memory_order_relaxed);
    }
  }
  stats.dead_bytes = used_bytes > stats.live_bytes ? used_bytes - stats.live_bytes : 0;
  for (const ManifestSegment& entry : keeper_->segments()) stats.disk_bytes += entry.size;
  return stats;
}

}  // namespace minikv::engine
