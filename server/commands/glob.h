// Patterns as Redis' commands take them.
#pragma once

#include <string_view>

namespace minikv::server {

enum class GlobCase : bool { kMatters, kIgnored };

// `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\` before a character that is to be itself. Takes time proportional to the
// product of the lengths at most.
bool glob_matches(std::string_view pattern, std::string_view text, GlobCase letters);

// What everything that the pattern matches begins with, letters as they are.
std::string_view glob_literal_prefix(std::string_view pattern);

}  // namespace minikv::server
