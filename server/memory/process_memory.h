// How much memory this process takes.
#pragma once

#include <cstdint>

namespace minikv::server {

struct ProcessMemory {
  // The process's own memory, resident or swapped out: heap, index, buffers, stacks. Mapped files (those of a
  // tmpfs too) are not counted, because the system keeps them in memory only while it has no better use for
  // it.
  std::uint64_t own = 0;
  std::uint64_t resident = 0;  // in memory, mapped files included
};

// In bytes, as Linux counts it; zeros where /proc can't be read.
// Thread safety: may be called from any thread.
ProcessMemory process_memory();

}  // namespace minikv::server
