#include "engine/store/engine.h"

#include <algorithm>
#include <new>
#include <random>
#include <system_error>

#include <fmt/format.h>

#include "engine/base/out_of_memory.h"
#include "engine/store/blocking_task.h"
#include "engine/store/file_check.h"
#include "engine/store/missing_log.h"

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
  if (options.max_open_files != 0 && options.max_open_files < least_open_files(options)) {
    return refuse(
        fmt::format("max_open_files must be at least {} with so many threads", least_open_files(options)));
  }
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

// What `call()` returns, or why it could not be done.
template <typename Call>
Status without_threads_or_memory(const std::string& directory, Call call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return out_of_memory("opening the store");
  } catch (const std::system_error& error) {
    return without_throwing([&] {
      return Status(StatusCode::kRefused,
                    fmt::format("{}: the system gives no more threads ({}): raise the limit that the process "
                                "runs under (ulimit -u, ulimit -v)",
                                directory, error.what()));
    });
  }
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

// How many descriptors the store may have.
Result<std::size_t> find_descriptors(const FileSystem& file_system, const std::string& directory,
                                     const Options& options) {
  const std::uint64_t least = least_open_files(options);
  const auto free = file_system.free_descriptors();
  if (free && *free < least) {
    return {StatusCode::kRefused,
            fmt::format(
                "{}: the process may open {} more files, and a store needs {}: raise its limit (ulimit -n, "
                "LimitNOFILE), or take fewer compaction_threads or reader_threads",
                directory, *free, least)};
  }
  if (options.max_open_files != 0) return static_cast<std::size_t>(options.max_open_files);
  constexpr std::uint64_t kUnknown = 512;
  return static_cast<std::size_t>(std::max(least, free.value_or(kUnknown) / 2));
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
  auto descriptors = find_descriptors(file_system, directory, options);
  if (!descriptors) return descriptors.status();
  auto lock = StoreLock::take(file_system, directory);
  if (!lock) return lock.status();
  std::unique_ptr<Engine> engine;
  Status started = without_threads_or_memory(directory, [&] {
    auto state = std::make_unique<SharedState>(options, lock->files(), clock, directory,
                                               FileBudget::divide(*descriptors, options));
    engine.reset(new Engine(*std::move(lock), std::move(state)));
    return Status();
  });
  if (!started) return started;
  started = without_threads_or_memory(directory, [&] { return engine->start(); });
  if (started) return engine;
  engine->closing_ = true;  // there is nothing to close in order
  if (started.code() == StatusCode::kOutOfMemory) return engine->missing_memory();
  return started;
}

Status Engine::missing_memory() const {
  constexpr std::uint64_t kMiBShift = 20;
  std::uint64_t had = 0;
  {
    SharedGuard guard(state_->lock);
    had = state_->index.memory_bytes() >> kMiBShift;
  }
  const std::uint64_t needed = state_->expected_index_bytes.load(std::memory_order_relaxed) >> kMiBShift;
  const std::string amount =
      needed > had ? fmt::format("its keys take about {} MiB, of which {} could be had", needed, had)
                   : fmt::format("{} MiB for its keys could be had, which is not all", had);
  return {
      StatusCode::kOutOfMemory,
      fmt::format("{}: there is no memory to open the store: {}; raise the limit that the process runs under "
                  "(ulimit -v, its memory cgroup), or give the machine more. Nothing was lost",
                  state_->directory, amount)};
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
  fresh.incompat_features = kFeatureLengths;
  fresh.engine_time_ms = state.clock.now_ms();
  MINIKV_TRY(file.commit(fresh));
  return fresh;
}

Status Engine::start() {
  if (!lock_.is_directory_locked()) {
    state_->log.warn(
        "{}: this file system can't lock directories: only the file {} keeps other processes away, as long "
        "as "
        "nobody removes it",
        state_->directory, StoreLock::kFileName);
  }
  if (const Status& failed = lock_.file_failure(); !failed) {
    state_->log.warn(
        "{}: no file {}: the lock on the directory keeps other processes away, but not versions of minikv "
        "that know only the file: {}",
        state_->directory, StoreLock::kFileName, failed.message());
  }
  ManifestFile file(state_->file_system, state_->directory);
  auto manifest = load_or_create_manifest(*state_, file);
  if (!manifest) return manifest.status();
  Recovery recovery(*state_, std::move(*manifest));
  auto recovered = recovery.run();
  if (!recovered) return recovered.status();

  const std::uint64_t next = recovered->next_sequence;
  state_->written_sequence = state_->durable_sequence = state_->visible_sequence = next - 1;
  state_->durable_wall_ms = state_->clock.wall_ms();
  keeper_ = std::make_unique<Keeper>(*state_, std::move(recovered->manifest), std::move(file));
  MINIKV_TRY(keeper_->settle(recovered->overlong));
  auto active = keeper_->open_log(std::move(recovered->spare), next);
  if (!active) return active.status();
  for (const std::string& path : recovered->accepted) {
    state_->log.warn(
        "{}: what was accepted of it is written down: the next start needs no flag for it, and compaction "
        "gives up "
        "what can't be read",
        path);
  }
  if ((*active)->id() != kNoSegment) {
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
  Status written = task.wait();
  if (written.code() != StatusCode::kDiskFull) return written;
  // Until the next start finds them again; a compaction writes such records as well.
  state_->log.warn("{}: {} keys are lost, and there is no room to write that down: {}", state_->directory,
                   lost.size(), written.message());
  return {};
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
  const Status finished =
      without_throwing([this] { return keeper_->finish(writer_->active(), writer_->next_sequence()); });
  if (finished) state_->background.finish();
  state_->background.stop();
  lock_.let_go();  // from here on nothing is written any more, and somebody else may open the directory
  if (finished) state_->log.info("{}: closed, {} keys", state_->directory, size());
  return finished;
}

bool Engine::submit(std::span<WriteTask* const> tasks, CommitHere here) {
  const bool are_done = writer_->submit(tasks, here);
  if (!state_->options.single_threaded || state_->options.compaction_threshold == 0) return are_done;
  (void)without_throwing([this] {
    while (compact_if_due()) {
    }
    return Status();
  });
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
  stats.durable_unix_ms = state_->durable_wall_ms.load(std::memory_order_relaxed);
  stats.groups = counters.groups.load(std::memory_order_relaxed);
  stats.writes = counters.writes.load(std::memory_order_relaxed);
  stats.syncs = counters.syncs.load(std::memory_order_relaxed);
  stats.compactions = counters.compactions.load(std::memory_order_relaxed);
  stats.reclaimed_bytes = counters.reclaimed_bytes.load(std::memory_order_relaxed);
  stats.lost_keys = counters.lost_keys.load(std::memory_order_relaxed);
  stats.expired_keys = counters.expired_keys.load(std::memory_order_relaxed);
  stats.cut_bytes = counters.cut_bytes.load(std::memory_order_relaxed);
  stats.recovery_ms = counters.recovery_ms.load(std::memory_order_relaxed);
  stats.open_files = state_->open_files->open_now();
  stats.max_open_files = state_->file_budget.total();
  stats.time_ahead_ms = state_->clock.now().ahead_ms();
  stats.refused_disk_full = counters.refused_disk_full.load(std::memory_order_relaxed);
  stats.refused_io_error = counters.refused_io_error.load(std::memory_order_relaxed);
  stats.refused_read_only = counters.refused_read_only.load(std::memory_order_relaxed);
  stats.refused_memory = counters.refused_memory.load(std::memory_order_relaxed);
  stats.refused_index_full = counters.refused_index_full.load(std::memory_order_relaxed);
  stats.index_full_ms = static_cast<std::uint64_t>(state_->full_index.duration_ms(state_->clock.steady_ms()));
  stats.index_full = stats.index_full_ms > 0;
  stats.disk_full_ms = static_cast<std::uint64_t>(state_->full_disk.duration_ms(state_->clock.steady_ms()));
  stats.disk_full = stats.disk_full_ms > 0;
  stats.writes_failing_ms =
      static_cast<std::uint64_t>(state_->failing_writes.duration_ms(state_->clock.steady_ms()));
  stats.writes_failing = stats.writes_failing_ms > 0;
  if (stats.writes_failing) stats.writes_failing_reason = state_->failing_writes.why().message();
  const DiskRoom room = keeper_->room();
  stats.disk_free_bytes = room.free_bytes;
  stats.disk_reserve_bytes = room.reserve_bytes;
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
