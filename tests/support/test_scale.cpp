// Reads MINIKV_TEST_SEED and MINIKV_TEST_ROUNDS; a sanitizer's build does an eighth of the rounds.
#include "tests/support/test_scale.h"

#include <algorithm>
#include <cstdlib>

namespace minikv::test {

std::uint64_t environment_number(const char* name, std::uint64_t standard) {
  const char* text = std::getenv(name);
  return text == nullptr ? standard : std::strtoull(text, nullptr, 10);
}

std::uint64_t test_seed(std::uint64_t standard) { return environment_number("MINIKV_TEST_SEED", standard); }

std::uint64_t scaled_rounds(std::uint64_t quick) {
  if (kIsSanitized) quick = std::max<std::uint64_t>(1, quick / 8);
  return quick * environment_number("MINIKV_TEST_ROUNDS", 1);
}

}  // namespace minikv::test
