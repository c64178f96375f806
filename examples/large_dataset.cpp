// Many keys: written by batches, scanned in order, and read back after a restart. The lesson prints what they
// cost in memory and on disk. The argument is the number of keys; the default is 200,000.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <minikv/store.h>

#include "lesson.h"

using lesson::check;
using lesson::must;

namespace {

constexpr std::uint64_t kBatch = 1000;

// Zero-padded, so that byte order is the order of the numbers.
std::string key_of(std::uint64_t i) {
  char key[32];
  std::snprintf(key, sizeof(key), "user:%010llu", static_cast<unsigned long long>(i));
  return key;
}
std::string value_of(std::uint64_t i) {
  return "{\"id\":" + std::to_string(i) + ",\"about\":\"" + std::string(80, static_cast<char>('a' + i % 26)) +
         "\"}";
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void write_all(minikv::Store& store, std::uint64_t count) {
  const auto start = std::chrono::steady_clock::now();
  minikv::WriteBatch batch;
  for (std::uint64_t i = 0; i < count; ++i) {
    batch.set(key_of(i), value_of(i));
    if (batch.size() < kBatch && i + 1 < count) continue;
    must(store.write(batch), "write");  // one frame, one sync
    batch.clear();
  }
  std::cout << count << " keys written in " << seconds_since(start) << " s\n";
}

// Scans all keys in order, a page at a time, and checks each value.
void check_all(const minikv::Store& store, std::uint64_t count) {
  const auto start = std::chrono::steady_clock::now();
  minikv::ScanOptions options;
  std::uint64_t seen = 0;
  for (bool more = true; more;) {
    const minikv::ScanPage page = store.scan(options);
    for (const minikv::ScanItem& item : page.items) {
      check(item.key == key_of(seen), "keys come in order, none is missing");
      check(item.status.is_ok() && item.value.data == value_of(seen), item.key + " has its value");
      ++seen;
    }
    more = page.more;
    if (more) options.after = page.items.back().key;
  }
  check(seen == count, "all keys are there");
  std::cout << seen << " keys walked over and compared in " << seconds_since(start) << " s\n";
}

void print_costs(const minikv::Stats& stats) {
  std::cout << "memory: " << static_cast<double>(stats.index_bytes) / static_cast<double>(stats.keys)
            << " bytes a key for the index, the key itself included\n"
            << "disk:   " << stats.live_bytes << " bytes of records in " << stats.segments
            << " segments; with the spare " << stats.disk_bytes << " bytes of files\n"
            << "syncs:  " << stats.syncs << " for " << stats.writes << " writes\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200'000;
  if (count == 0) {
    std::cerr << "usage: example_large_dataset [number of keys, at least 1]\n";
    return 2;
  }
  return lesson::run([count] {
    const lesson::TemporaryDirectory directory;
    minikv::Options options;
    options.segment_size = 8 * minikv::kMiB;
    auto store = must(minikv::Store::open(directory.path(), options), "open");
    write_all(*store, count);
    check_all(*store, count);
    print_costs(store->stats());
    check(store->stats().syncs < count / 100 + 10, "a batch costs one sync, not one for each key");
    must(store->close(), "close");

    store.reset();  // releases the lock on the directory, so that another Store can open it
    store = must(minikv::Store::open(directory.path(), options), "open again");
    std::cout << "opened again in " << store->stats().recovery_ms << " ms\n";
    check_all(*store, count);
  });
}
