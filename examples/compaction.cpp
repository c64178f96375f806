// Overwritten and deleted values stay on disk until compaction gives their space back. This lesson makes a
// lot of garbage, compacts while a reader and a writer go on, and shows that nothing but the garbage went.
#include <atomic>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>

#include <minikv/store.h>

#include "lesson.h"

using lesson::check;
using lesson::must;

namespace {

constexpr int kKeys = 1000;
constexpr int kRounds = 10;

std::string key_of(int i) { return "key:" + std::to_string(i); }
std::string value_of(int i, int round) {
  return std::to_string(round) + std::string(1000, static_cast<char>('a' + i % 26));
}

// Keys below kKeys / 2 are there with the value of the last round, the others are not.
void check_contents(const minikv::Store& store) {
  for (int i = 0; i < kKeys; ++i) {
    const auto value = store.get(key_of(i));
    if (i < kKeys / 2) {
      check(value && value->data == value_of(i, kRounds - 1), key_of(i) + " has its last value");
    } else {
      check(value.code() == minikv::StatusCode::kNotFound, key_of(i) + " stays deleted");
    }
  }
}

void make_garbage(minikv::Store& store) {
  for (int round = 0; round < kRounds; ++round) {
    minikv::WriteBatch batch;
    for (int i = 0; i < kKeys; ++i) batch.set(key_of(i), value_of(i, round));
    must(store.write(batch), "write");
  }
  minikv::WriteBatch removals;
  for (int i = kKeys / 2; i < kKeys; ++i) removals.remove(key_of(i));
  must(store.write(removals), "write");
}

// Returns the bytes that were given back.
std::uint64_t compact_under_load(minikv::Store& store) {
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0}, writes{0};
  std::atomic<bool> all_fine{true};
  std::thread reader([&] {
    for (int i = 0; !stop || reads == 0; i = (i + 1) % (kKeys / 2)) {
      const auto value = store.get(key_of(i));
      if (!value || value->data != value_of(i, kRounds - 1)) all_fine = false;
      ++reads;
    }
  });
  std::thread writer([&] {
    while (!stop || writes == 0) {
      if (!store.set("counter", std::to_string(++writes))) all_fine = false;
    }
  });
  const auto result = store.compact();
  stop = true;
  reader.join();
  writer.join();
  must(result.status(), "compact");
  std::cout << "compaction reclaimed " << result->reclaimed_bytes << " bytes in " << result->duration_ms
            << " ms, with " << reads << " reads and " << writes << " writes meanwhile\n";
  check(all_fine, "reads and writes go on during compaction");
  check(must(store.get("counter"), "get").data == std::to_string(writes),
        "what was written meanwhile is there");
  return result->reclaimed_bytes;
}

}  // namespace

int main() {
  return lesson::run([] {
    const lesson::TemporaryDirectory directory;
    minikv::Options options;
    options.segment_size = minikv::kMiB;
    options.compaction_threshold = 0;  // never by itself: this lesson wants to see it happen
    auto store = must(minikv::Store::open(directory.path(), options), "open");

    make_garbage(*store);
    const minikv::Stats before = store->stats();
    std::cout << before.keys << " keys: " << before.live_bytes << " bytes are live, " << before.dead_bytes
              << " are garbage, in " << before.segments << " segments\n";
    check(before.dead_bytes > 8 * before.live_bytes, "overwritten values count as garbage");

    const std::uint64_t reclaimed = compact_under_load(*store);
    check(reclaimed > before.dead_bytes / 10 * 9, "the garbage is gone");
    const minikv::Stats after = store->stats();
    std::cout << "now " << after.live_bytes << " bytes are live and " << after.dead_bytes << " are garbage\n";
    check_contents(*store);

    // And so it is on disk, also for the next to open it.
    must(store->close(), "close");
    std::cout << "the closed store takes " << directory.bytes() << " bytes on disk\n";
    store.reset();  // the directory is free for another Store from here on
    store = must(minikv::Store::open(directory.path(), options), "open");
    check_contents(*store);
  });
}
