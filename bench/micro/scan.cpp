// Scans of the shared store: by prefix, by range, in both directions, and over all keys.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/program.h"
#include "bench/support/stores.h"
#include "bench/support/workload.h"

namespace minikv::bench {
namespace {

// Whether the page has the keys from `first` on, upwards or downwards, with their values.
bool is_right(const ScanPage& page, std::uint64_t first, const ScanOptions& options) {
  std::uint64_t number = first;
  for (const ScanItem& item : page.items) {
    const auto expected = static_cast<std::uint32_t>(number);
    if (item.key != key_of(expected).view() || !item.status) return false;
    if (options.with_values && item.value.data != value_of(expected)) return false;
    number += options.reverse ? ~std::uint64_t{0} : 1;
  }
  return true;
}

// Numbers at which a scan of `length` keys can begin: a multiple of it, with as many keys from there on.
std::vector<std::uint64_t> random_starts(std::uint64_t length) {
  std::mt19937_64 random(6);
  std::vector<std::uint64_t> starts(4096);
  for (std::uint64_t& start : starts) start = random() % (settings().keys / length) * length;
  return starts;
}

// `set_start(options, number)` sets the options of a scan that begins at that number.
template <typename SetStart>
// NOLINTNEXTLINE(performance-unnecessary-value-param): set_start changes them
void scan(benchmark::State& state, std::uint64_t length, ScanOptions options, SetStart set_start) {
  const Store& store = shared_store();
  const std::vector<std::uint64_t> starts = random_starts(length);
  std::size_t next = 0;
  for (auto _ : state) {
    const std::uint64_t start = starts[next++ % starts.size()];
    set_start(options, static_cast<std::uint32_t>(start));
    const ScanPage page = store.scan(options);
    const std::uint64_t first = options.reverse ? start + length - 1 : start;
    if (page.items.size() != length || !is_right(page, first, options))
      return fail(state, "scan: other keys or values than were written");
  }
  count_items(state, length);
}

void scan_prefix_of_100(benchmark::State& state) {
  scan(state, 100, ScanOptions(), [](ScanOptions& options, std::uint32_t start) {
    options.prefix = key_of(start).view().substr(0, kKeyBytes - 2);
  });
}
BENCHMARK(scan_prefix_of_100);

void from_here(ScanOptions& options, std::uint32_t start) { options.from = key_of(start).view(); }

void scan_range_of_100(benchmark::State& state) {
  ScanOptions options;
  options.limit = 100;
  scan(state, 100, options, from_here);
}
BENCHMARK(scan_range_of_100);

void scan_range_of_1000(benchmark::State& state) { scan(state, 1000, ScanOptions(), from_here); }
BENCHMARK(scan_range_of_1000);

void scan_range_of_1000_without_values(benchmark::State& state) {
  ScanOptions options;
  options.with_values = false;
  scan(state, 1000, options, from_here);
}
BENCHMARK(scan_range_of_1000_without_values);

void scan_range_of_1000_backwards(benchmark::State& state) {
  ScanOptions options;
  options.reverse = true;
  scan(state, 1000, options, [](ScanOptions& wanted, std::uint32_t start) {
    wanted.from = key_of(start).view();
    wanted.to = key_of(start + 1000).view();
  });
}
BENCHMARK(scan_range_of_1000_backwards);

// An iteration scans the whole store in pages of 1000.
void scan_all(benchmark::State& state) {
  const Store& store = shared_store();
  for (auto _ : state) {
    ScanOptions options;
    std::uint64_t seen = 0;
    for (bool more = true; more;) {
      const ScanPage page = store.scan(options);
      if (!is_right(page, seen, options)) return fail(state, "scan: other keys or values than were written");
      seen += page.items.size();
      more = page.more;
      if (more) options.after = page.items.back().key;
    }
    if (seen != settings().keys) return fail(state, "scan: not all keys");
  }
  count_items(state, settings().keys);
}
BENCHMARK(scan_all)->Unit(benchmark::kMillisecond);

// An iteration visits the whole store in no order, as SCAN does, about 1000 keys at a time.
void scan_all_unordered(benchmark::State& state) {
  const Store& store = shared_store();
  for (auto _ : state) {
    std::uint64_t position = 0, seen = 0;
    do {
      const UnorderedPage page = store.walk_unordered(position, 1000);
      seen += page.keys.size();
      position = page.next;
    } while (position != 0);
    if (seen < settings().keys) return fail(state, "walk: not all keys");
  }
  count_items(state, settings().keys);
}
BENCHMARK(scan_all_unordered)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace minikv::bench
