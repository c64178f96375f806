// What all fuzzers have in common: of an input the first few bytes choose how the others are taken, and the
// others are what is read. Each fuzzer says how many choose, and what is done with an input; target.cpp is
// what libFuzzer calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace minikv::fuzz {

inline constexpr std::size_t kMaxChoices = 3;

struct Input {
  std::array<std::uint8_t, kMaxChoices> choices{};
  std::string bytes;
};

// The fuzzer's own: at most kMaxChoices. Inputs that have fewer bytes are not tried.
extern const std::size_t kChoices;
void try_input(Input input);

// libFuzzer takes it for a finding.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace minikv::fuzz
