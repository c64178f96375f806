// Stores filled with the workload's keys and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/support/workload.h"
#include "minikv/store.h"

namespace minikv::bench {

// The options for benchmarks of the store: the defaults without automatic compaction, which would disturb the
// measurement at random.
Options bench_options(Fsync fsync);

// Writes the keys with values of `value_bytes` in their order, a thousand a batch.
Status fill(Store& store, const std::vector<Key>& keys, std::size_t value_bytes);

// The store that the benchmarks of reads and scans share: Settings::keys keys, written in random order, with
// values of kValueBytes. The first call makes it, or throws std::runtime_error; it is removed when the
// process ends.
Store& shared_store();

}  // namespace minikv::bench
