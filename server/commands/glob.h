// Patterns as Redis' commands take them.
#pragma once

#include <string_view>

namespace minikv::server {

// `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\` before a character that is to be itself. Any case, as the names that
// are looked for are lower case. Takes time proportional to the product of the lengths at most.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace minikv::server
