// What is compared: each function enters its benchmarks for one store.
#pragma once

#include "bench/embedded/rival.h"

namespace minikv::bench {

// Filling an empty store; synced writes by several threads.
void register_writes(const RivalKind& kind);
// Reads and scans of a store that was filled before.
void register_reads(const RivalKind& kind);
// What the checks within the scans take by themselves.
void register_check_alone();

}  // namespace minikv::bench
