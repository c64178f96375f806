// How much memory this process takes.
#pragma once

#include <cstdint>

namespace minikv::server {

struct ProcessMemory {
  // What it has for itself, in memory or swapped out: heap, index, buffers, stacks. Without files that are
  // mapped (those of a tmpfs too), which the system keeps in memory as long as it has no better use for it.
  std::uint64_t own = 0;
  std::uint64_t resident = 0;  // in memory, mapped files included
};

// In bytes, as Linux counts it; zeros where /proc can't be read.
// Thread safety: may be called from any thread.
ProcessMemory process_memory();

}  // namespace minikv::server
