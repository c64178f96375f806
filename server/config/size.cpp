// Parses digits and a unit, with overflow and ambiguous units noticed, and writes a size in its largest unit.
#include "server/config/size.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "server/config/text.h"

namespace minikv::server {
namespace {

struct Unit {
  std::string_view name;
  unsigned shift;
};

constexpr std::array kUnits = {Unit{"GiB", 30}, Unit{"MiB", 20}, Unit{"KiB", 10}, Unit{"B", 0}};

// Units that mean 1000s to some people and 1024s to others, and the unit to write instead.
struct AmbiguousUnit {
  std::string_view name;
  std::string_view instead;
};

constexpr std::array kAmbiguousUnits = {AmbiguousUnit{"k", "KiB"}, AmbiguousUnit{"kb", "KiB"},
                                        AmbiguousUnit{"m", "MiB"}, AmbiguousUnit{"mb", "MiB"},
                                        AmbiguousUnit{"g", "GiB"}, AmbiguousUnit{"gb", "GiB"}};

bool equal_in_any_case(std::string_view a, std::string_view b) { return to_lower(a) == to_lower(b); }

}  // namespace

Result<std::uint64_t> parse_integer(std::string_view text) {
  if (text.starts_with('-')) return invalid("is negative");
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return invalid("is too large");
  if (error != std::errc() || stopped != end) return invalid("is not a whole number");
  return number;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 && text.starts_with('-')) return invalid("is negative");
  std::string_view unit = text.substr(digits);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (digits == 0) return invalid("is not a size (write 4096, 512KiB, 64MiB or 2GiB)");
  const Result<std::uint64_t> number = parse_integer(text.substr(0, digits));
  if (!number) return number.status();
  if (unit.empty()) return text.size() == digits ? number : invalid("is not a size (write 64MiB)");

  for (const Unit& known : kUnits) {
    if (!equal_in_any_case(unit, known.name)) continue;
    if (*number > (UINT64_MAX >> known.shift)) return invalid("is too large");
    return *number << known.shift;
  }
  for (const AmbiguousUnit& ambiguous : kAmbiguousUnits) {
    if (!equal_in_any_case(unit, ambiguous.name)) continue;
    return invalid(
        fmt::format("has a unit that may mean 1000s or 1024s (write {}{})", *number, ambiguous.instead));
  }
  return invalid("has an unknown unit (write B, KiB, MiB or GiB)");
}

std::string format_size(std::uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    const std::uint64_t size = std::uint64_t{1} << unit.shift;
    if (unit.shift > 0 && bytes >= size && bytes % size == 0)
      return fmt::format("{}{}", bytes / size, unit.name);
  }
  return fmt::format("{}", bytes);
}

}  // namespace minikv::server
