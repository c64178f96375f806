// Reads through the store of values that are in memory.
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/program.h"
#include "bench/support/stores.h"
#include "bench/support/workload.h"

namespace minikv::bench {
namespace {

constexpr std::uint64_t kReadSeed = 3;

const std::vector<Key>& keys_to_read() {
  static const std::vector<Key> keys = keys_shuffled(settings().keys, kReadSeed);
  return keys;
}
// Each thread begins at a different key.
Cycle cycle_of(const benchmark::State& state) {
  const std::vector<Key>& keys = keys_to_read();
  return Cycle(keys, keys.size() / static_cast<std::size_t>(state.threads()) *
                         static_cast<std::size_t>(state.thread_index()));
}

bool is_right(const Result<Value>& found, const Key& key) {
  return found.is_ok() && found->data == value_of(key.number);
}

void read_hot_get(benchmark::State& state) {
  const Store& store = shared_store();
  Cycle cycle = cycle_of(state);
  for (auto _ : state) {
    const Key& key = cycle.next();
    if (!is_right(store.get(key.view()), key)) return fail(state, "get: not the key's value");
  }
  count_items(state, 1);
}
BENCHMARK(read_hot_get)->Threads(1)->Threads(2)->UseRealTime();

// As a server reads on its event loop, which must not wait for the disk.
void try_read_all(benchmark::State& state, Cycle cycle) {
  const Store& store = shared_store();
  for (auto _ : state) {
    const Key& key = cycle.next();
    const auto location = store.locate(key.view());
    const auto found = location ? store.try_read(key.view(), *location) : std::nullopt;
    if (!found || !is_right(*found, key)) return fail(state, "try_read: not the key's value at once");
  }
  count_items(state, 1);
}

void read_hot_try_read(benchmark::State& state) { try_read_all(state, cycle_of(state)); }
BENCHMARK(read_hot_try_read)->Threads(1)->Threads(2)->UseRealTime();

// The same few keys over and over: the store knows that their pages are resident, and makes no system call.
void read_hot_try_read_again(benchmark::State& state) {
  shared_store();  // makes the keys too
  const std::vector<Key> few(keys_to_read().begin(), keys_to_read().begin() + 100);
  try_read_all(state, Cycle(few));
}
BENCHMARK(read_hot_try_read_again);

void read_hot_multi_get_of_16(benchmark::State& state) {
  const Store& store = shared_store();
  Cycle cycle = cycle_of(state);
  std::array<const Key*, 16> wanted{};
  std::array<std::string_view, 16> names;
  for (auto _ : state) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] = &cycle.next();
      names[i] = wanted[i]->view();
    }
    const std::vector<Result<Value>> found = store.multi_get(names);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!is_right(found[i], *wanted[i])) return fail(state, "multi_get: not the key's value");
    }
  }
  count_items(state, wanted.size());
}
BENCHMARK(read_hot_multi_get_of_16);

void read_missing_get(benchmark::State& state) {
  const Store& store = shared_store();
  const std::vector<Key> others =
      keys_shuffled(settings().keys, kReadSeed, static_cast<std::uint32_t>(settings().keys));
  Cycle cycle(others);
  for (auto _ : state) {
    if (store.get(cycle.next().view()).code() != StatusCode::kNotFound)
      return fail(state, "get: a key that was never set");
  }
  count_items(state, 1);
}
BENCHMARK(read_missing_get);

}  // namespace
}  // namespace minikv::bench
