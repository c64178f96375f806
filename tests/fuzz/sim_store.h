// A store on a simulated disk that a fuzzer has meddled with: opened, read, written to, compacted, closed, opened again.
#pragma once

#include <string_view>

#include "minikv/options.h"
#include "tests/support/sim_disk.h"

namespace minikv::fuzz {

// Aborts if an error is not one of those that damage may cause. What is read may be anything: the bytes are made up.
void exercise(sim::SimDisk disk, Options options);

// The options that a fuzzer's byte chooses: what of damage and of wrong clocks is accepted.
Options options_of(unsigned mode);

}  // namespace minikv::fuzz
