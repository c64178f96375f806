// How long a test with chance in it runs, and what chance: from the environment, so that ./dev torture can run the same
// tests longer, and a failure can be repeated.
#pragma once

#include <cstdint>

namespace minikv::test {

// The variable's number, or `standard` without it.
std::uint64_t environment_number(const char* name, std::uint64_t standard);

// MINIKV_TEST_SEED, or `standard`.
std::uint64_t test_seed(std::uint64_t standard);

// Rounds that a test should do: `quick`, fewer under a sanitizer, times MINIKV_TEST_ROUNDS (default 1).
std::uint64_t scaled_rounds(std::uint64_t quick);

}  // namespace minikv::test
