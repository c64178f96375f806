// Patterns of any bytes on texts of any bytes: what matches is what the plainest way to match says, and
// nothing is read that is not there. The first byte of the input chooses where the pattern ends and whether
// the case of letters counts.
#include <cstddef>
#include <string_view>

#include "server/commands/glob.h"
#include "tests/fuzz/target.h"
#include "tests/support/glob_reference.h"

namespace minikv::fuzz {

const std::size_t kChoices = 1;

void try_input(Input input) {
  constexpr std::size_t kMaxBytes = 4096;  // the reference takes the product of the lengths
  const std::string_view bytes = std::string_view(input.bytes).substr(0, kMaxBytes);
  const std::size_t end = bytes.size() * (input.choices[0] >> 1) / 128;
  const bool ignore_case = (input.choices[0] & 1) != 0;
  const std::string_view pattern = bytes.substr(0, end), text = bytes.substr(end);
  const server::Glob glob(pattern, ignore_case ? server::GlobCase::kIgnored : server::GlobCase::kMatters);
  const bool matches = glob.matches(text);
  require(matches == test::reference_glob_matches(pattern, text, ignore_case));
  require(!matches || text.starts_with(glob.literal_prefix()));
  require(glob.steps(text.size()) <= server::Glob::max_steps(pattern.size(), text.size()));
}

}  // namespace minikv::fuzz
