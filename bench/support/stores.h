// Stores filled with the workload's keys and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/support/workload.h"
#include "minikv/store.h"

namespace minikv::bench {

// What benchmarks of the store begin with: the defaults, but without compaction by itself, which would be
// measured by chance.
Options bench_options(Fsync fsync);

// Writes the keys with values of `value_bytes` in their order, a thousand a batch.
Status fill(Store& store, const std::vector<Key>& keys, std::size_t value_bytes);

// The store that the benchmarks of reads and scans share: Settings::keys keys, written in random order, with
// values of kValueBytes. Made on first use; goes with the process. Throws std::runtime_error if it can't be
// made.
Store& shared_store();

}  // namespace minikv::bench
