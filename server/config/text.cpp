// Edit distance for "did you mean", and names cut down or escaped so that they fit a line.
#include "server/config/text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace minikv::server {
namespace {

// How many letters must be added, dropped, changed or swapped with their neighbour to make one of the other:
// the "optimal string alignment" distance.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string letters_of(std::string_view name) {
  std::string letters = to_lower(name);
  std::erase_if(letters, [](char c) { return c == '-' || c == '_'; });
  return letters;
}

// The last place up to `at` where a character of UTF-8 begins.
std::size_t whole_characters(std::string_view text, std::size_t at) {
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMaxBytes = 100;
  return text.size() > kMaxBytes ? one_line(text.substr(0, whole_characters(text, kMaxBytes))) + "..."
                                 : one_line(text);
}

std::string without_middle(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return one_line(text);
  const std::size_t half = longest / 2;
  return fmt::format("{} ... {}", one_line(text.substr(0, whole_characters(text, half))),
                     one_line(text.substr(whole_characters(text, text.size() - half))));
}

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> known) {
  constexpr std::size_t kMaxBytes =
      64;  // no setting is this long; and the distance costs the product of both lengths
  if (name.size() > kMaxBytes) return {};
  const std::string wanted = letters_of(name);
  std::string_view nearest;
  std::size_t nearest_distance = wanted.size() / 3 + 2;  // from this distance on: another word, not a slip
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(wanted, letters_of(candidate));
    if (distance >= nearest_distance) continue;
    nearest = candidate;
    nearest_distance = distance;
  }
  return nearest;
}

Status invalid(std::string message) { return Status(StatusCode::kInvalidArgument, std::move(message)); }

}  // namespace minikv::server
