// Fills stores in batches; a store that many benchmarks read is filled once and shared.
#include "bench/support/stores.h"

#include <stdexcept>
#include <string>

#include "bench/support/program.h"
#include "bench/support/scratch.h"

namespace minikv::bench {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::uint64_t kFillSeed = 1;

struct Shared {
  Shared() {
    auto opened = Store::open(directory.path(), bench_options(Fsync::kNever));
    if (!opened) throw std::runtime_error("open: " + opened.status().message());
    store = std::move(*opened);
    const Status filled = fill(*store, keys_shuffled(settings().keys, kFillSeed), kValueBytes);
    if (!filled) throw std::runtime_error("fill: " + filled.message());
  }
  ScratchDirectory directory;
  std::unique_ptr<Store> store;
};

}  // namespace

Options bench_options(Fsync fsync) {
  Options options;
  options.fsync = fsync;
  options.compaction_threshold = 0;
  return options;
}

Status fill(Store& store, const std::vector<Key>& keys, std::size_t value_bytes) {
  WriteBatch batch;
  for (const Key& key : keys) {
    batch.set(key.view(), value_of(key.number, value_bytes));
    if (batch.size() < kBatch && &key != &keys.back()) continue;
    MINIKV_TRY(store.write(batch));
    batch.clear();
  }
  return Status::ok();
}

Store& shared_store() {
  static Shared shared;
  return *shared.store;
}

}  // namespace minikv::bench
