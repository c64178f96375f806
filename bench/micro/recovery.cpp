// Opening a store: from its hints, and without hints by a scan of every segment.
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

// A closed store on disk. Longer values are fewer: together, all values always have Settings::keys times
// kValueBytes.
class ClosedStore {
 public:
  explicit ClosedStore(std::size_t value_bytes)
      : keys_(settings().keys * kValueBytes / value_bytes), value_bytes_(value_bytes) {
    auto opened = open();
    if (!opened) throw std::runtime_error("open: " + opened.status().message());
    Status done = fill(**opened, keys_shuffled(keys_, 7), value_bytes_);
    if (done) done = (*opened)->close();
    if (!done) throw std::runtime_error("fill: " + done.message());
  }

  // Also counts the segments that the store had to scan.
  Result<std::unique_ptr<Store>> open() {
    Options options = bench_options(Fsync::kAlways);
    scanned_ = 0;
    options.log = [this](LogLevel, std::string_view line) {
      if (line.find("the segment is scanned") != std::string_view::npos) ++scanned_;
    };
    return Store::open(directory_.path(), options);
  }
  std::size_t scanned() const { return scanned_; }
  std::uint64_t keys() const { return keys_; }
  // Whether the store has the right number of keys, and a sample of them the right values.
  bool is_whole(const Store& store) const {
    const auto last = static_cast<std::uint32_t>(keys_ - 1);
    for (const std::uint32_t number : {std::uint32_t{0}, last / 2, last}) {
      const Result<Value> found = store.get(key_of(number).view());
      if (!found || found->data != value_of(number, value_bytes_)) return false;
    }
    return store.size() == keys_;
  }

  void remove_hints() const {
    for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
      if (file.path().extension() == ".hint") std::filesystem::remove(file.path());
    }
  }
  // An error if the file system does not drop pages.
  Status forget_all_pages() const {
    for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
      if (file.file_size() == 0) continue;
      MINIKV_TRY(forget_pages(file.path().string()));
      const auto watch = PageWatch::open(file.path().string());
      if (!watch) return watch.status();
      if (watch->is_in_memory()) return {StatusCode::kIoError, file.path().string() + " stays in memory"};
    }
    return Status::ok();
  }

 private:
  const std::uint64_t keys_;
  const std::size_t value_bytes_;
  ScratchDirectory directory_;
  std::atomic<std::size_t> scanned_ = 0;
};

// Made on first use. Only one exists at a time.
ClosedStore& closed_store(std::size_t value_bytes) {
  static std::unique_ptr<ClosedStore> now;
  static std::size_t value_bytes_now = 0;
  if (now == nullptr || value_bytes_now != value_bytes) {
    now.reset();
    now = std::make_unique<ClosedStore>(value_bytes);
    value_bytes_now = value_bytes;
  }
  return *now;
}

// Opens the store, reports how long that took, and closes it again. False if the benchmark has ended with an
// error.
bool open_once(benchmark::State& state, ClosedStore& closed) {
  const auto start = std::chrono::steady_clock::now();
  auto opened = closed.open();
  state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  if (!check(state, opened.status(), "open")) return false;
  const bool is_whole = closed.is_whole(**opened);
  if (!is_whole) fail(state, "keys are missing, or there are too many, or their values are not theirs");
  return is_whole && check(state, (*opened)->close(), "close");
}

// Arguments: bytes of each value; whether the files are in memory. They are in memory after a restart of the
// process, but not after one of the machine.
void recover(benchmark::State& state, bool with_hints) {
  ClosedStore& closed = closed_store(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!with_hints) closed.remove_hints();
    if (state.range(1) == 0 && !check(state, closed.forget_all_pages(), "forget")) return;
    if (!open_once(state, closed)) return;
    if ((closed.scanned() == 0) != with_hints) return fail(state, "recovery went the other way");
  }
  count_items(state, closed.keys());
}
void recovery_by_hints(benchmark::State& state) { recover(state, true); }
void recovery_by_scan(benchmark::State& state) { recover(state, false); }

void with_arguments(benchmark::internal::Benchmark* recovery) {
  recovery->ArgNames({"value", "in_memory"})->ArgsProduct({{100, 1000}, {1, 0}});
  recovery->UseManualTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(recovery_by_hints)->Apply(with_arguments);
BENCHMARK(recovery_by_scan)->Apply(with_arguments);

}  // namespace
}  // namespace minikv::bench
