// libFuzzer's entry point.
#include "tests/fuzz/target.h"

#include <algorithm>
#include <utility>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace minikv::fuzz;
  if (size < kChoices) return 0;
  Input input;
  std::copy_n(data, kChoices, input.choices.begin());
  input.bytes.assign(reinterpret_cast<const char*>(data) + kChoices, size - kChoices);
  try_input(std::move(input));
  return 0;
}
