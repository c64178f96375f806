// Random histories against std::map: versions and expiries too. A failure names its seed; MINIKV_TEST_SEED
// repeats it, MINIKV_TEST_ROUNDS lengthens the search.
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/sim_random.h"

namespace minikv::sim {
namespace {

TEST(ModelTest, RandomHistoriesAreThoseOfAMap) {
  const std::uint64_t first = test_seed(1);
  const std::uint64_t rounds = scaled_rounds(400);
  std::uint64_t operations = 0;
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    RandomHistory history({.seed = seed});
    ASSERT_EQ(history.run(), "") << "MINIKV_TEST_SEED=" << seed << " MINIKV_TEST_ROUNDS=1";
    operations += history.operations();
  }
  std::cout << rounds << " random histories, " << operations << " operations, seeds from " << first
            << " on\n";
}

}  // namespace
}  // namespace minikv::sim
