// What a pattern matches, told in the plainest way: each character of the pattern is read anew for each of
// the text's, and every way to share the text out among the stars is tried.
#pragma once

#include <string_view>

namespace minikv::test {

// Takes time and memory proportional to the product of the lengths.
bool reference_glob_matches(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace minikv::test
