// Synced writes, by the number of writes that share a sync: in one batch, as tasks that wait at the same
// time, and by threads that each wait for their own write. For comparison, the disk alone with as many bytes.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/program.h"
#include "bench/support/scratch.h"
#include "bench/support/stores.h"
#include "bench/support/workload.h"
#include "engine/format/layout.h"
#include "engine/io/file_system.h"
#include "engine/store/blocking_task.h"

namespace minikv::bench {
namespace {

constexpr std::uint64_t kWriteSeed = 5;

const std::vector<Key>& keys_to_write() {
  static const std::vector<Key> keys = keys_shuffled(settings().keys, kWriteSeed);
  return keys;
}

// An empty store with fsync: always, for one run of a benchmark.
class SyncedStore {
 public:
  explicit SyncedStore(benchmark::State& state) {
    auto opened = Store::open(directory_.path(), bench_options(Fsync::kAlways));
    if (check(state, opened.status(), "open")) store_ = std::move(*opened);
  }
  Store* get() const { return store_.get(); }

  // Reports after the run how many writes shared a sync. `last`: a key that the store must have.
  void report(benchmark::State& state, const Key& last) const {
    const Stats stats = store_->stats();
    const Result<Value> found = store_->get(last.view());
    if (!found || found->data != value_of(last.number))
      return fail(state, "a write that was acknowledged is not there");
    if (stats.durable_sequence < stats.last_sequence)
      return fail(state, "what was acknowledged is not synced");
    state.counters["writes_per_sync"] = static_cast<double>(stats.writes) / static_cast<double>(stats.groups);
  }

 private:
  ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
};

// Argument: writes in a batch. The time includes making the batch, as a caller has to make it.
void commit_batch(benchmark::State& state) {
  const SyncedStore synced(state);
  if (synced.get() == nullptr) return;
  Cycle cycle(keys_to_write());
  const Key* last = nullptr;
  WriteBatch batch;
  for (auto _ : state) {
    batch.clear();
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      last = &cycle.next();
      batch.set(last->view(), value_of(last->number));
    }
    if (!check(state, synced.get()->write(batch), "write")) return;
  }
  count_items(state, static_cast<std::uint64_t>(state.range(0)));
  synced.report(state, *last);
}
BENCHMARK(commit_batch)->ArgName("writes")->Arg(1)->Arg(16)->Arg(64)->Arg(256)->Arg(1000)->UseRealTime();

class PutTask final : public engine::BlockingTask {
 public:
  explicit PutTask(const Key& key) : key_(key) { set_bytes(engine::record_bytes(kKeyBytes, kValueBytes)); }
  void execute(Transaction& transaction) override { transaction.put(key_.view(), value_of(key_.number)); }

 private:
  const Key& key_;
};

// Tasks, as a server submits them. Argument: tasks that wait at the same time.
void commit_tasks(benchmark::State& state) {
  const SyncedStore synced(state);
  if (synced.get() == nullptr) return;
  const auto count = static_cast<std::size_t>(state.range(0));
  Cycle cycle(keys_to_write());
  const Key* last = nullptr;
  for (auto _ : state) {
    std::vector<std::unique_ptr<PutTask>> tasks;
    std::vector<WriteTask*> submitted;
    for (std::size_t i = 0; i < count; ++i) {
      last = &cycle.next();
      submitted.push_back(tasks.emplace_back(std::make_unique<PutTask>(*last)).get());
    }
    synced.get()->submit(submitted);
    Status worst;
    for (const auto& task : tasks) {
      if (const Status done = task->wait(); !done) worst = done;
    }
    if (!check(state, worst, "submit")) return;
  }
  count_items(state, count);
  synced.report(state, *last);
}
BENCHMARK(commit_tasks)->ArgName("writes")->Arg(1)->Arg(16)->Arg(64)->Arg(256)->Arg(1000)->UseRealTime();

// Each thread sets one key after the other; shared by the threads of one run.
std::optional<SyncedStore>& store_of_threads() {
  static std::optional<SyncedStore> shared;
  return shared;
}

void commit_threads(benchmark::State& state) {
  std::optional<SyncedStore>& synced = store_of_threads();
  // The other threads wait at the beginning of the loop for the first one.
  if (state.thread_index() == 0) synced.emplace(state);
  const std::vector<Key>& keys = keys_to_write();
  Cycle cycle(keys, keys.size() / static_cast<std::size_t>(state.threads()) *
                        static_cast<std::size_t>(state.thread_index()));
  const Key* last = nullptr;
  for (auto _ : state) {
    last = &cycle.next();
    if (synced->get() == nullptr) return fail(state, "there is no store");
    const Result<std::uint64_t> version = synced->get()->set(last->view(), value_of(last->number));
    if (!check(state, version.status(), "set")) return;
  }
  count_items(state, 1);
  if (state.thread_index() != 0) return;
  synced->report(state, *last);
  synced.reset();
}
BENCHMARK(commit_threads)->Threads(1)->Threads(4)->Threads(16)->Threads(64)->UseRealTime();

// One write and one fdatasync append the same bytes to a file of zeros that is already on disk, as a segment
// is. There is no store; a longer time in the other benchmarks is the cost of the store.
void commit_disk_alone(benchmark::State& state) {
  constexpr std::uint64_t kFileBytes = 64 * kMiB;
  const ScratchDirectory directory;
  auto file = engine::FileSystem::posix().open(directory.path() + "/log", engine::OpenMode::kCreate);
  if (!check(state, file.status(), "create")) return;
  const std::string zeros(kFileBytes, '\0');
  const std::string_view all(zeros);
  if (!check(state, (*file)->write(0, {&all, 1}), "write") || !check(state, (*file)->sync(), "sync")) return;
  const std::uint64_t bytes = sizeof(engine::FrameHeader) + static_cast<std::uint64_t>(state.range(0)) *
                                                                engine::record_bytes(kKeyBytes, kValueBytes);
  const std::string_view piece = value_of(0, std::min<std::uint64_t>(bytes, kMaxValueBytes));
  std::uint64_t offset = 0;
  for (auto _ : state) {
    if (offset + piece.size() > kFileBytes) offset = 0;
    const Status written = (*file)->write(offset, {&piece, 1});
    if (!check(state, written, "write") || !check(state, (*file)->sync(), "sync")) return;
    offset += piece.size();
  }
  count_items(state, static_cast<std::uint64_t>(state.range(0)));
}
BENCHMARK(commit_disk_alone)->ArgName("writes")->Arg(1)->Arg(16)->Arg(64)->Arg(256)->Arg(1000)->UseRealTime();

}  // namespace
}  // namespace minikv::bench
