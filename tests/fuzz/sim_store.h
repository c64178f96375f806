// A store on a simulated disk that a fuzzer has meddled with: opened, read, written to, compacted, closed,
// opened again.
#pragma once

#include <string_view>

#include "minikv/options.h"
#include "tests/support/sim_disk.h"

namespace minikv::fuzz {

// Segments of both kinds with their hints, an active one with something in it, and a spare.
const sim::SimDisk& small_store();

// Aborts if an error is not one of those that damage may cause. What is read may be anything: the bytes are
// made up. Without compaction where what was made up is a lie about other files, which only bytes that check
// out can be.
enum class Compaction : bool { kNo, kYes };
void exercise(sim::SimDisk disk, Options options, Compaction compaction = Compaction::kYes);

// The options that a fuzzer's byte chooses: what of damage and of wrong clocks is accepted.
Options options_of(unsigned mode);

}  // namespace minikv::fuzz
