// Opening and closing: which part is made, started and stopped before which.
#include "engine/store/engine.h"

#include <new>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "engine/base/out_of_memory.h"
#include "engine/core/hint_file.h"
#include "engine/recovery/file_check.h"
#include "engine/store/blocking_task.h"
#include "engine/store/open_checks.h"
#include "engine/store/stats.h"

namespace minikv::engine {
namespace {

// Returns what `call()` returns, or the refusal if there are no threads or there is no memory.
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

Engine::Engine(StoreLock lock, std::unique_ptr<SharedState> state)
    : lock_(std::move(lock)),
      state_(std::move(state)),
      keys_(*state_, closing_),
      values_(state_->resident_pages, state_->log),
      scanner_(*state_, values_, closing_) {}

// ---- opening ----

Result<std::unique_ptr<Engine>> Engine::open(const std::string& directory, const Options& options) {
  MINIKV_TRY(check_options(options));
  FileSystem& file_system = options.file_system != nullptr ? *options.file_system : FileSystem::posix();
  const Clock& clock = options.clock != nullptr ? *options.clock : Clock::system();
  MINIKV_TRY(check_directory(file_system, directory, options.create_if_missing));
  MINIKV_ASSIGN_OR_RETURN(const std::size_t descriptors, find_descriptors(file_system, directory, options));
  MINIKV_ASSIGN_OR_RETURN(auto lock, StoreLock::take(file_system, directory));
  std::unique_ptr<Engine> engine;
  Status started = without_threads_or_memory(directory, [&] {
    auto state = std::make_unique<SharedState>(options, lock.files(), clock, directory,
                                               FileBudget::divide(descriptors, options));
    engine.reset(new Engine(std::move(lock), std::move(state)));
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
  fresh.store_id = make_store_id();
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
        "as nobody removes it",
        state_->directory, StoreLock::kFileName);
  }
  if (const Status& failed = lock_.file_failure(); !failed) {
    state_->log.warn(
        "{}: no file {}: the lock on the directory keeps other processes away, but not versions of minikv "
        "that know only the file: {}",
        state_->directory, StoreLock::kFileName, failed.message());
  }
  ManifestFile file(state_->file_system, state_->directory);
  MINIKV_ASSIGN_OR_RETURN(auto manifest, load_or_create_manifest(*state_, file));
  Recovery recovery(*state_, std::move(manifest));
  MINIKV_ASSIGN_OR_RETURN(auto recovered, recovery.run());

  const std::uint64_t next = recovered.next_sequence;
  state_->written_sequence = state_->durable_sequence = state_->visible_sequence = next - 1;
  state_->durable_wall_ms = state_->clock.wall_ms();
  MINIKV_TRY(make_parts(recovered, std::move(file)));
  for (const std::string& path : recovered.accepted) {
    state_->log.warn(
        "{}: what was accepted of it is written down: the next start needs no flag for it, and compaction "
        "gives up what can't be read",
        path);
  }
  keeper_->start();
  writer_->start();
  sorted_index_->start();
  MINIKV_TRY(write_lost_records(recovered.lost));
  for (const ManifestSegment& entry : recovered.without_hint) want_hint(entry);
  compaction_->start();
  state_->log.info("{}: open, {} keys, next sequence {}, {} ms", state_->directory, keys_.size(), next,
                   state_->counters.recovery_ms.load());
  return {};
}

Status Engine::make_parts(Recovered& recovered, ManifestFile file) {
  const std::uint64_t next = recovered.next_sequence;
  keeper_ = std::make_unique<Keeper>(*state_, std::move(recovered.manifest), std::move(file));
  MINIKV_TRY(keeper_->cut_overlong(recovered.overlong));
  MINIKV_ASSIGN_OR_RETURN(auto active, keeper_->open_log(std::move(recovered.spare), next));
  if (active->id() != kNoSegment) {
    ExclusiveGuard guard(state_->lock);
    state_->segments.emplace(active->id(), active);
  }
  const Options& options = state_->options;
  readers_ = std::make_unique<ReaderPool>(options.single_threaded ? 0 : options.reader_threads);
  old_values_ =
      std::make_unique<OldValueLoader>(keys_, options, state_->resident_pages, state_->log, *readers_);
  writer_ = std::make_unique<Writer>(*state_, *keeper_, *old_values_, std::move(active), next);
  sorted_index_ = std::make_unique<SortedIndexBuilder>(*state_, *writer_);
  compaction_ = std::make_unique<CompactionScheduler>(*state_, *keeper_, *writer_);
  if (compaction_->has_threads()) {
    writer_->slow_down_while([this] { return compaction_->is_behind(); });
  }
  keeper_->on_sealed([this](const ManifestSegment& sealed) {
    want_hint(sealed);
    compaction_->wake();
  });
  keeper_->on_disk_tight([this] { compaction_->wake(); });
  return {};
}

void Engine::want_hint(const ManifestSegment& segment) {
  state_->background.add([this, segment] { make_hint(*state_, keeper_->manifest().store_id(), segment); });
}

// Writes `lost` records before any request is answered. So a lost key stays named, also when compaction has
// given up the damaged bytes.
Status Engine::write_lost_records(const std::vector<LostKey>& lost) {
  if (lost.empty()) return {};
  LostTask task(lost);
  WriteTask* const tasks[] = {&task};
  (void)writer_->submit(tasks, CommitHere::kNo);
  Status written = task.wait();
  if (written.code() != StatusCode::kDiskFull) return written;
  // The next start finds these keys again, and a compaction writes such records as well.
  state_->log.warn("{}: {} keys are lost, and there is no room to write that down: {}", state_->directory,
                   lost.size(), written.message());
  return {};
}

// ---- in use ----

bool Engine::submit(std::span<WriteTask* const> tasks, CommitHere here) {
  const bool are_done = writer_->submit(tasks, here);
  if (state_->options.single_threaded) compaction_->run_if_due();
  return are_done;
}

Stats Engine::stats() const { return gather_stats(*state_, *keeper_); }

// ---- closing ----

Engine::~Engine() {
  if (!closing_) {
    if (Status closed = close(); !closed) state_->log.error("{}: {}", state_->directory, closed.message());
  }
  if (compaction_) compaction_->stop();
  if (writer_) writer_->stop();
  if (sorted_index_) sorted_index_->stop();
  if (readers_) readers_->stop();
  if (keeper_) keeper_->stop();
  state_->background.stop();
}

Status Engine::close() {
  if (closing_.exchange(true)) return {StatusCode::kShutdown, "the store is closed"};
  compaction_->stop();
  writer_->stop();
  sorted_index_->stop();
  const Status finished =
      without_throwing([this] { return keeper_->finish(writer_->active(), writer_->next_sequence()); });
  if (finished) state_->background.finish();
  state_->background.stop();
  lock_.let_go();  // from here on nothing is written any more, and another process may open the directory
  if (finished) state_->log.info("{}: closed, {} keys", state_->directory, keys_.size());
  return finished;
}

}  // namespace minikv::engine
