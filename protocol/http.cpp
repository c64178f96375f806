// The lines that mark an HTTP request.
#include "protocol/http.h"

#include <algorithm>
#include <cstddef>

#include "protocol/ascii.h"

namespace minikv::protocol {
namespace {

bool starts_with_ignoring_case(std::string_view line, std::string_view prefix) {
  return equals_ignoring_case(line.substr(0, prefix.size()), prefix);
}

}  // namespace

bool begins_like_http(std::string_view line) {
  return starts_with_ignoring_case(line, "host:") || starts_with_ignoring_case(line, "post ") ||
         equals_ignoring_case(line, "post");
}

bool ends_like_http(std::string_view line) {
  constexpr std::string_view kProtocol = "HTTP/";
  while (line.ends_with(' ')) line.remove_suffix(1);
  const std::size_t space = line.rfind(' ');
  const std::string_view word = space == std::string_view::npos ? line : line.substr(space + 1);
  if (!starts_with_ignoring_case(word, kProtocol)) return false;
  const std::string_view version = word.substr(kProtocol.size());
  return !version.empty() && std::ranges::all_of(version, [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace minikv::protocol
