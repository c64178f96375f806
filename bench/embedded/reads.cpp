// The read benchmarks of each store: random keys, missing keys, ranges, and what checking alone costs.
#include <memory>
#include <random>
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

constexpr std::uint64_t kFillSeed = 1, kReadSeed = 3;
constexpr std::size_t kBatch = 1000;

// A store that was filled in random order, settled, and read once.
struct Loaded {
  std::string name;
  ScratchDirectory directory;
  std::unique_ptr<Rival> rival;
};

// Reads every key once, so that all data is in memory, and in the store's own cache if it has one.
Status warm_up(Rival& rival, const std::vector<Key>& keys) {
  const auto reader = rival.reader();
  std::string found;
  for (const Key& key : keys) MINIKV_TRY(reader->get(key.view(), found));
  return Status::ok();
}

Result<std::unique_ptr<Loaded>> load(const RivalKind& kind) {
  auto loaded = std::make_unique<Loaded>();
  loaded->name = kind.name;
  auto opened = kind.open(loaded->directory.path(), Durability::kLeftToKernel);
  if (!opened) return opened.status();
  loaded->rival = std::move(*opened);
  std::vector<Pair> batch;
  const std::vector<Key> keys = keys_shuffled(settings().keys, kFillSeed);
  for (const Key& key : keys) {
    batch.push_back({key.view(), value_of(key.number)});
    if (batch.size() < kBatch && &key != &keys.back()) continue;
    MINIKV_TRY(loaded->rival->write(batch));
    batch.clear();
  }
  MINIKV_TRY(loaded->rival->settle());
  MINIKV_TRY(warm_up(*loaded->rival, keys));
  return loaded;
}

// The only open store: one at a time, so that no other competes with it. The following benchmarks reuse it.
std::unique_ptr<Loaded>& loaded_one() {
  static std::unique_ptr<Loaded> loaded;
  return loaded;
}

// To be called before the loop. There the other threads wait for the first.
void prepare(benchmark::State& state, const RivalKind& kind) {
  std::unique_ptr<Loaded>& loaded = loaded_one();
  if (state.thread_index() != 0 || (loaded != nullptr && loaded->name == kind.name)) return;
  loaded.reset();
  auto made = load(kind);
  if (check(state, made.status(), "load")) loaded = std::move(*made);
}

// To be called within the loop.
std::unique_ptr<RivalReader> open_reader(benchmark::State& state) {
  if (loaded_one() != nullptr) return loaded_one()->rival->reader();
  fail(state, "there is no store");
  return nullptr;
}

const std::vector<Key>& keys_to_read() {
  static const std::vector<Key> keys = keys_shuffled(settings().keys, kReadSeed);
  return keys;
}
const std::vector<Key>& sorted_keys() {
  static const std::vector<Key> keys = keys_in_order(settings().keys);
  return keys;
}

void read_random(benchmark::State& state, const RivalKind& kind) {
  prepare(state, kind);
  const std::vector<Key>& keys = keys_to_read();
  Cycle cycle(keys, keys.size() / static_cast<std::size_t>(state.threads()) *
                        static_cast<std::size_t>(state.thread_index()));
  std::unique_ptr<RivalReader> reader;
  std::string found;
  for (auto _ : state) {
    if (reader == nullptr && (reader = open_reader(state)) == nullptr) return;
    const Key& key = cycle.next();
    if (!check(state, reader->get(key.view(), found), "get")) return;
    if (found != value_of(key.number)) return fail(state, "get: not the key's value");
  }
  count_items(state, 1);
}

void read_missing(benchmark::State& state, const RivalKind& kind) {
  prepare(state, kind);
  // The missing keys have the same length and prefix as the existing ones, and all lie between two of them: a
  // letter replaces the last digit.
  std::vector<Key> others = keys_shuffled(settings().keys, kReadSeed);
  for (Key& key : others) key.bytes.back() = static_cast<char>(key.bytes.back() - '0' + 'a');
  Cycle cycle(others);
  std::unique_ptr<RivalReader> reader;
  std::string found;
  for (auto _ : state) {
    if (reader == nullptr && (reader = open_reader(state)) == nullptr) return;
    if (reader->get(cycle.next().view(), found).code() != StatusCode::kNotFound)
      return fail(state, "get: a key that was never written");
  }
  count_items(state, 1);
}

// Compares pairs with the written ones, from a number on.
class Checker {
 public:
  explicit Checker(std::uint64_t number) : number_(number) {}
  void see(std::string_view key, std::string_view value) {
    right_ = right_ && number_ < sorted_keys().size() && key == sorted_keys()[number_].view() &&
             value == value_of(sorted_keys()[number_].number);
    ++number_;
  }
  bool has_seen_up_to(std::uint64_t end) const { return right_ && number_ == end; }

 private:
  std::uint64_t number_;
  bool right_ = true;
};

// Each iteration scans `length` pairs from one of the `starts`.
void scan(benchmark::State& state, const RivalKind& kind, std::uint64_t length,
          const std::vector<std::uint64_t>& starts) {
  prepare(state, kind);
  std::unique_ptr<RivalReader> reader;
  std::size_t next = 0;
  for (auto _ : state) {
    if (reader == nullptr && (reader = open_reader(state)) == nullptr) return;
    const std::uint64_t start = starts[next++ % starts.size()];
    Checker checker(start);
    const Status scanned =
        reader->scan(sorted_keys()[start].view(), length,
                     [&](std::string_view key, std::string_view value) { checker.see(key, value); });
    if (!check(state, scanned, "scan")) return;
    if (!checker.has_seen_up_to(start + length)) return fail(state, "scan: not the pairs that were written");
  }
  count_items(state, length);
}

void scan_range_of_100(benchmark::State& state, const RivalKind& kind) {
  std::mt19937_64 random(6);
  std::vector<std::uint64_t> starts(4096);
  for (std::uint64_t& start : starts) start = random() % (settings().keys - 99);
  scan(state, kind, 100, starts);
}

void scan_all(benchmark::State& state, const RivalKind& kind) { scan(state, kind, settings().keys, {0}); }

// The comparisons of scan_all, with pairs from memory that are passed in the same way.
void check_alone(benchmark::State& state) {
  for (auto _ : state) {
    Checker checker(0);
    const RivalReader::Visit visit = [&](std::string_view key, std::string_view value) {
      checker.see(key, value);
    };
    for (const Key& key : sorted_keys()) visit(key.view(), value_of(key.number));
    if (!checker.has_seen_up_to(sorted_keys().size())) return fail(state, "the workload contradicts itself");
  }
  count_items(state, sorted_keys().size());
}

}  // namespace

void register_reads(const RivalKind& kind) {
  const auto enter = [&](const char* name, void (*body)(benchmark::State&, const RivalKind&)) {
    return benchmark::RegisterBenchmark(name_of(fmt::format("{}/{}", name, kind.name)),
                                        [kind, body](benchmark::State& state) { body(state, kind); })
        ->UseRealTime();
  };
  enter("read_random", read_random)->Threads(1)->Threads(2);
  enter("read_missing", read_missing);
  enter("scan_range_of_100", scan_range_of_100);
  enter("scan_all", scan_all)->Unit(benchmark::kMillisecond);
}

void register_check_alone() {
  benchmark::RegisterBenchmark("scan_all/check_alone", check_alone)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

}  // namespace minikv::bench
