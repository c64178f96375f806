// The write benchmarks of each store: filling it in order, at random and in batches, and synced writes.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/embedded/cells.h"
#include "bench/support/program.h"
#include "bench/support/scratch.h"
#include "bench/support/workload.h"

namespace minikv::bench {
namespace {

constexpr std::uint64_t kKeySeed = 1, kWriteSeed = 5;

// Writes all keys in their order, `per_batch` at a time.
Status write_all(Rival& rival, const std::vector<Key>& keys, std::size_t per_batch) {
  std::vector<Pair> batch;
  for (const Key& key : keys) {
    batch.push_back({key.view(), value_of(key.number)});
    if (batch.size() < per_batch && &key != &keys.back()) continue;
    MINIKV_TRY(rival.write(batch));
    batch.clear();
  }
  return Status::ok();
}

// Whether the store holds all keys with their values, and nothing else.
bool holds_all(Rival& rival) {
  const auto reader = rival.reader();
  std::uint64_t seen = 0;
  bool right = true;
  const Status walked = reader->scan({}, SIZE_MAX, [&](std::string_view key, std::string_view value) {
    const auto number = static_cast<std::uint32_t>(seen++);
    right = right && key == key_of(number).view() && value == value_of(number);
  });
  return walked && right && seen == settings().keys;
}

// An iteration fills an empty store and closes it again; only the filling is measured. It ends when the last
// write has returned, so it leaves out work that a store defers.
void fill(benchmark::State& state, const RivalKind& kind, const std::vector<Key>& keys) {
  const auto per_batch = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    const ScratchDirectory directory;
    auto rival = kind.open(directory.path(), Durability::kLeftToKernel);
    if (!check(state, rival.status(), "open")) return;
    const auto start = std::chrono::steady_clock::now();
    const Status filled = write_all(**rival, keys, per_batch);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (!check(state, filled, "fill")) return;
    if (!holds_all(**rival)) return fail(state, "fill: the store does not hold what was written");
    rival->reset();
    state.counters["disk_MiB"] = static_cast<double>(directory.disk_bytes()) / (1024 * 1024);
  }
  count_items(state, keys.size());
}

// Each thread writes one key after the other, and waits each time until the key is on disk.
struct SyncedRun {
  ScratchDirectory directory;
  std::unique_ptr<Rival> rival;
};

void write_synced(benchmark::State& state, const RivalKind& kind) {
  static std::optional<SyncedRun> run;  // shared by the threads of one run
  // The other threads wait at the beginning of the loop for the first one.
  if (state.thread_index() == 0) {
    run.emplace();
    auto opened = kind.open(run->directory.path(), Durability::kSynced);
    if (check(state, opened.status(), "open")) run->rival = std::move(*opened);
  }
  static const std::vector<Key> keys = keys_shuffled(settings().keys, kWriteSeed);
  Cycle cycle(keys, keys.size() / static_cast<std::size_t>(state.threads()) *
                        static_cast<std::size_t>(state.thread_index()));
  const Key* last = nullptr;
  for (auto _ : state) {
    last = &cycle.next();
    if (run->rival == nullptr) return fail(state, "there is no store");
    const Pair pair{last->view(), value_of(last->number)};
    if (!check(state, run->rival->write({&pair, 1}), "write")) return;
  }
  count_items(state, 1);
  if (state.thread_index() != 0) return;  // no thread uses the store behind the end of the loop
  std::string found;
  const Status read = run->rival->reader()->get(last->view(), found);
  if (!read || found != value_of(last->number)) fail(state, "a write that was acknowledged is not there");
  run.reset();
}

}  // namespace

void register_writes(const RivalKind& kind) {
  const auto enter_fill = [&](const char* order, const std::vector<Key>& (*keys)()) {
    benchmark::RegisterBenchmark(name_of(fmt::format("fill_{}/{}", order, kind.name)),
                                 [kind, keys](benchmark::State& state) { fill(state, kind, keys()); })
        ->ArgName("batch")
        ->Arg(1)
        ->Arg(100)
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  };
  enter_fill("in_order", []() -> const std::vector<Key>& {
    static const std::vector<Key> keys = keys_in_order(settings().keys);
    return keys;
  });
  enter_fill("random", []() -> const std::vector<Key>& {
    static const std::vector<Key> keys = keys_shuffled(settings().keys, kKeySeed);
    return keys;
  });
  benchmark::RegisterBenchmark(name_of("write_synced/" + kind.name),
                               [kind](benchmark::State& state) { write_synced(state, kind); })
      ->Threads(1)
      ->Threads(4)
      ->Threads(16)
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace minikv::bench
