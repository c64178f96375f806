// How much memory this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace minikv::server {

// The least of: the machine's memory; what its memory cgroups (version 2 or 1, those above it included)
// allow; half of its limit of address space (`ulimit -v`), the other half of which is for mapped data files;
// its limit of data (`ulimit -d`). In bytes; at least 64 MiB, whatever is found.
//
// `root` is where /proc and /sys are looked for: for tests.
// Thread safety: may be called from any thread.
std::uint64_t usable_memory(const std::string& root = "");

// What the index may take unless it is configured, where clients may take `client_bytes`: what these and the
// process itself leave of usable_memory(), between a quarter and half of it. The rest is for the pages of
// data files.
std::uint64_t default_index_memory(std::uint64_t client_bytes, const std::string& root = "");

}  // namespace minikv::server
