// The benchmarks of the comparison; each function registers some of them, for one store.
#pragma once

#include "bench/embedded/rival.h"

namespace minikv::bench {

// Filling an empty store; synced writes by several threads.
void register_writes(const RivalKind& kind);
// Reads and scans of a filled store.
void register_reads(const RivalKind& kind);
// The cost of the checks within the scans, without a store.
void register_check_alone();

}  // namespace minikv::bench
