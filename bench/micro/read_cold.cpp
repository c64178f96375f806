// Reads of cold values. The benchmark checks that a value is not in memory before the clock starts, and that
// it is in memory after the clock has stopped.
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>

#include <benchmark/benchmark.h>

#include "bench/micro/cold_store.h"
#include "bench/support/program.h"

namespace minikv::bench {
namespace {

ColdStore& cold_store() {
  static const std::unique_ptr<ColdStore> shared = [] {
    auto made = ColdStore::make();
    if (!made) throw std::runtime_error("a store for cold reads: " + made.status().message());
    return std::move(*made);
  }();
  return *shared;
}

// `read(store, key)` returns a Result<Value>.
template <typename Read>
void read_cold(benchmark::State& state, Read read) {
  ColdStore& cold = cold_store();
  for (auto _ : state) {
    const Result<const Key*> key = cold.next();
    if (!check(state, key.status(), "cool down")) return;
    const auto start = std::chrono::steady_clock::now();
    const Result<Value> found = read(cold.store(), (*key)->view());
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (!check(state, found.status(), "read")) return;
    if (found->data != value_of((*key)->number, ColdStore::kColdValueBytes))
      return fail(state, "read: not the key's value");
    if (!cold.is_in_memory()) return fail(state, "the value was not read from its file");
  }
  count_items(state, 1);
}

// Reads by a page fault, on a thread that may wait.
void read_cold_get(benchmark::State& state) {
  read_cold(state, [](const Store& store, std::string_view key) { return store.get(key); });
}
BENCHMARK(read_cold_get)->UseManualTime();

// As a server reads it: the event loop tries without waiting, which makes the kernel start to read, and then
// passes the read to a reader thread. On a quick disk the try itself may find the value; `at_once` is the
// fraction of such reads.
void read_cold_by_reader(benchmark::State& state) {
  std::uint64_t at_once = 0;
  read_cold(state, [&](const Store& store, std::string_view key) -> Result<Value> {
    const auto location = store.locate(key);
    if (!location) return Status(StatusCode::kNotFound, "no such key");
    if (auto found = store.try_read(key, *location)) {
      ++at_once;
      return *std::move(found);
    }
    std::promise<Result<Value>> answer;
    store.run_on_reader([&] { answer.set_value(store.read(key, *location)); });
    return answer.get_future().get();
  });
  state.counters["at_once"] =
      benchmark::Counter(static_cast<double>(at_once), benchmark::Counter::kAvgIterations);
}
BENCHMARK(read_cold_by_reader)->UseManualTime();

}  // namespace
}  // namespace minikv::bench
