// The index by itself: look-ups, ordered walks, memory, and loading while a store opens.
#include "engine/index/index.h"

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/program.h"
#include "bench/support/workload.h"
#include "engine/index/index_loader.h"

namespace minikv::bench {
namespace {

using engine::Index;
using engine::IndexLoader;
using engine::Location;

constexpr std::uint64_t kInsertSeed = 1, kLookUpSeed = 2;

Location place_of(const Key& key) {
  Location location;
  location.sequence = location.version = key.number + std::uint64_t{1};
  location.offset = key.number * std::uint64_t{160};
  location.segment = engine::SegmentId(1);
  location.value_bytes = kValueBytes;
  return location;
}

void put_all(Index& index, const std::vector<Key>& keys) {
  for (const Key& key : keys) index.put(key.view(), place_of(key));
}

void report_memory(benchmark::State& state, const Index& index) {
  state.counters["bytes_per_key"] =
      static_cast<double>(index.memory_bytes()) / static_cast<double>(index.size());
}

// The loop around a look-up, without the look-up. Its time is to be subtracted from those below.
void index_no_look_up(benchmark::State& state) {
  const std::vector<Key> keys = keys_shuffled(settings().keys, kLookUpSeed);
  Cycle cycle(keys);
  for (auto _ : state) benchmark::DoNotOptimize(cycle.next().view());
  count_items(state, 1);
}
BENCHMARK(index_no_look_up);

void index_find(benchmark::State& state) {
  const auto index = std::make_unique<Index>();
  put_all(*index, keys_shuffled(settings().keys, kInsertSeed));
  const std::vector<Key> keys = keys_shuffled(settings().keys, kLookUpSeed);
  Cycle cycle(keys);
  for (auto _ : state) {
    const Key& key = cycle.next();
    const std::optional<Location> found = index->find(key.view());
    if (!found || found->sequence != key.number + std::uint64_t{1})
      return fail(state, "find: not the key's place");
  }
  count_items(state, 1);
  report_memory(state, *index);
}
BENCHMARK(index_find);

void index_find_missing(benchmark::State& state) {
  const auto index = std::make_unique<Index>();
  put_all(*index, keys_shuffled(settings().keys, kInsertSeed));
  const std::vector<Key> others =
      keys_shuffled(settings().keys, kLookUpSeed, static_cast<std::uint32_t>(settings().keys));
  Cycle cycle(others);
  for (auto _ : state) {
    if (index->find(cycle.next().view())) return fail(state, "find: a key that was never put");
  }
  count_items(state, 1);
}
BENCHMARK(index_find_missing);

// An iteration fills an empty index with all keys.
void insert(benchmark::State& state, const std::vector<Key>& keys) {
  auto index = std::make_unique<Index>();
  for (auto _ : state) {
    put_all(*index, keys);
    state.PauseTiming();
    if (index->size() != keys.size()) return fail(state, "insert: keys are missing");
    report_memory(state, *index);
    index = std::make_unique<Index>();
    state.ResumeTiming();
  }
  count_items(state, keys.size());
}
void index_insert_random(benchmark::State& state) {
  insert(state, keys_shuffled(settings().keys, kInsertSeed));
}
BENCHMARK(index_insert_random)->Unit(benchmark::kMillisecond);
void index_insert_in_order(benchmark::State& state) { insert(state, keys_in_order(settings().keys)); }
BENCHMARK(index_insert_in_order)->Unit(benchmark::kMillisecond);

void index_overwrite(benchmark::State& state) {
  const auto index = std::make_unique<Index>();
  put_all(*index, keys_shuffled(settings().keys, kInsertSeed));
  const std::vector<Key> keys = keys_shuffled(settings().keys, kLookUpSeed);
  Cycle cycle(keys);
  std::uint64_t sequence = settings().keys;
  for (auto _ : state) {
    const Key& key = cycle.next();
    Location location = place_of(key);
    location.sequence = location.version = ++sequence;
    if (!index->put(key.view(), location)) return fail(state, "put: the key was not there before");
  }
  if (index->size() != keys.size()) fail(state, "put: the number of keys has changed");
  count_items(state, 1);
}
BENCHMARK(index_overwrite);

// An iteration erases all keys, in random order.
void index_erase(benchmark::State& state) {
  const std::vector<Key> inserted = keys_shuffled(settings().keys, kInsertSeed);
  const std::vector<Key> erased = keys_shuffled(settings().keys, kLookUpSeed);
  const auto index = std::make_unique<Index>();
  for (auto _ : state) {
    state.PauseTiming();
    put_all(*index, inserted);
    state.ResumeTiming();
    for (const Key& key : erased) benchmark::DoNotOptimize(index->erase(key.view()));
    if (index->size() != 0) return fail(state, "erase: keys are left");
  }
  count_items(state, erased.size());
}
BENCHMARK(index_erase)->Unit(benchmark::kMillisecond);

// An iteration visits all keys in order.
void index_walk(benchmark::State& state) {
  const auto index = std::make_unique<Index>();
  put_all(*index, keys_shuffled(settings().keys, kInsertSeed));
  for (auto _ : state) {
    std::uint64_t expected = 0;
    index->walk_range({}, [&](std::string_view key, const Location& location) {
      benchmark::DoNotOptimize(key.data());
      return location.sequence == ++expected;
    });
    if (expected != settings().keys) return fail(state, "walk: not all keys in their order");
  }
  count_items(state, settings().keys);
}
BENCHMARK(index_walk)->Unit(benchmark::kMillisecond);

void load_all(Index& index, const std::vector<Key>& keys, std::size_t threads) {
  std::vector<std::thread> others;
  const auto load_share = [&](std::size_t first) {
    IndexLoader loader(index);
    for (std::size_t i = first; i < keys.size(); i += threads) loader.add(keys[i].view(), place_of(keys[i]));
    loader.flush();
  };
  for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(load_share, thread);
  load_share(0);
  for (std::thread& thread : others) thread.join();
  index.finish_loading(nullptr, static_cast<unsigned>(threads), Index::Ordering::kNow);
}

// As recovery fills it: with several threads, and the order made at the end. Argument: threads.
void index_load(benchmark::State& state) {
  const std::vector<Key> keys = keys_shuffled(settings().keys, kInsertSeed);
  auto index = std::make_unique<Index>();
  for (auto _ : state) {
    load_all(*index, keys, static_cast<std::size_t>(state.range(0)));
    state.PauseTiming();
    if (index->size() != keys.size()) return fail(state, "load: keys are missing");
    report_memory(state, *index);
    index = std::make_unique<Index>();
    state.ResumeTiming();
  }
  count_items(state, keys.size());
}
BENCHMARK(index_load)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace minikv::bench
