// How long a test with chance in it runs, and what chance: from the environment, so that ./dev torture can
// run the same tests longer, and a failure can be repeated.
#pragma once

#include <cstdint>

namespace minikv::test {

// Whether a sanitizer that makes programs slower, larger and their allocator another one is at work.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#elif defined(__has_feature)  // clang's way to say it
inline constexpr bool kIsSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kIsSanitized = false;
#endif

// The variable's number, or `standard` without it.
std::uint64_t environment_number(const char* name, std::uint64_t standard);

// MINIKV_TEST_SEED, or `standard`.
std::uint64_t test_seed(std::uint64_t standard);

// Rounds that a test should do: `quick`, fewer under a sanitizer, times MINIKV_TEST_ROUNDS (default 1).
std::uint64_t scaled_rounds(std::uint64_t quick);

}  // namespace minikv::test
