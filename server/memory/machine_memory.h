// How much memory this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace minikv::server {

// The minimum of: the machine's memory; the limits of its memory cgroups (version 2 or 1, those above it
// included); half of its limit of address space (`ulimit -v`), as the other half is for mapped data files;
// its limit of data (`ulimit -d`). In bytes; at least 64 MiB, whatever is found.
//
// `root` is where /proc and /sys are looked for: for tests.
// Thread safety: may be called from any thread.
std::uint64_t usable_memory(const std::string& root = "");

// The memory for the index unless it is configured, in bytes: the part of usable_memory() that clients, with
// `client_bytes`, and the process itself leave, but between a quarter and half of it. The rest is for the
// pages of data files.
std::uint64_t default_index_memory(std::uint64_t client_bytes, const std::string& root = "");

}  // namespace minikv::server
