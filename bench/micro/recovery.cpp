// Opening a store: from its hints, and without them by reading every segment.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "bench/support/page_cache.h"
#include "bench/support/program.h"
#include "bench/support/scratch.h"
#include "bench/support/stores.h"
#include "bench/support/workload.h"

namespace minikv::bench {
namespace {

// A store on disk with Settings::keys keys, closed.
class ClosedStore {
 public:
  ClosedStore() {
    auto opened = open();
    if (!opened) throw std::runtime_error("open: " + opened.status().message());
    Status done = fill(**opened, keys_shuffled(settings().keys, 7), kValueBytes);
    if (done) done = (*opened)->close();
    if (!done) throw std::runtime_error("fill: " + done.message());
  }

  // Counts the segments that had to be scanned.
  Result<std::unique_ptr<Store>> open() {
    Options options = bench_options(Fsync::kAlways);
    scanned_ = 0;
    options.log = [this](LogLevel, std::string_view line) {
      if (line.find("the segment is scanned") != std::string_view::npos) ++scanned_;
    };
    return Store::open(directory_.path(), options);
  }
  std::size_t scanned() const { return scanned_; }

  void remove_hints() const {
    for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
      if (file.path().extension() == ".hint") std::filesystem::remove(file.path());
    }
  }
  Status forget_all_pages() const {
    for (const auto& file : std::filesystem::directory_iterator(directory_.path()))
      MINIKV_TRY(forget_pages(file.path().string()));
    return Status::ok();
  }

 private:
  ScratchDirectory directory_;
  std::atomic<std::size_t> scanned_ = 0;
};

ClosedStore& closed_store() {
  static ClosedStore shared;
  return shared;
}

// Opens the store as it lies there, and gives the time that took; then closes it. Ends the benchmark if keys are missing.
bool open_once(benchmark::State& state, ClosedStore& closed) {
  const auto start = std::chrono::steady_clock::now();
  auto opened = closed.open();
  state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  if (!check(state, opened.status(), "open")) return false;
  const Store& store = **opened;
  const auto last = static_cast<std::uint32_t>(settings().keys - 1);
  for (const std::uint32_t number : {std::uint32_t{0}, last / 2, last}) {
    const Result<Value> found = store.get(key_of(number).view());
    if (!check(state, found.status(), "get")) return false;
    if (found->data != value_of(number)) return fail(state, "not the key's value"), false;
  }
  if (store.size() != settings().keys) return fail(state, "keys are missing, or there are too many"), false;
  return check(state, (*opened)->close(), "close");
}

// Argument: whether the files are in memory, as after a restart of the process, or not, as after one of the machine.
void recover(benchmark::State& state, bool with_hints) {
  ClosedStore& closed = closed_store();
  for (auto _ : state) {
    if (!with_hints) closed.remove_hints();
    if (state.range(0) == 0 && !check(state, closed.forget_all_pages(), "forget")) return;
    if (!open_once(state, closed)) return;
    if ((closed.scanned() == 0) != with_hints) return fail(state, "recovery went the other way");
  }
  count_items(state, settings().keys);
}
void recovery_by_hints(benchmark::State& state) { recover(state, true); }
BENCHMARK(recovery_by_hints)
    ->ArgName("in_memory")
    ->Arg(1)
    ->Arg(0)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
void recovery_by_scan(benchmark::State& state) { recover(state, false); }
BENCHMARK(recovery_by_scan)
    ->ArgName("in_memory")
    ->Arg(1)
    ->Arg(0)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace minikv::bench
