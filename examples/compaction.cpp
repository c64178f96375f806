// Compaction frees the disk space of overwritten and deleted values. This lesson makes a lot of garbage and
// compacts while a reader and a writer go on. It then checks that compaction removed nothing but the garbage.
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

// Keys below kKeys / 2 must have the value of the last round; the others must not exist.
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

// Returns how many bytes were freed.
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
    options.compaction_threshold = 0;  // no automatic compaction: the lesson starts it itself
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

    // The result is on disk: a store that is opened again has it too.
    must(store->close(), "close");
    std::cout << "the closed store takes " << directory.bytes() << " bytes on disk\n";
    store.reset();  // releases the lock on the directory, so that another Store can open it
    store = must(minikv::Store::open(directory.path(), options), "open");
    check_contents(*store);
  });
}
