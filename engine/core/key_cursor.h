// The part of a walk over keys that is still to come.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "engine/index/index.h"
#include "minikv/store.h"

namespace minikv::engine {

// The keys that are still to be walked over. go_on_behind() narrows them.
struct Remaining {
  explicit Remaining(const ScanOptions& options)
      : low(std::max(options.from, options.prefix)), high(options.to), reverse(options.reverse) {
    if (const auto end = end_of_prefix(options.prefix); end && (!high || *end < *high)) high = end;
    if (options.after) go_on_behind(*options.after);
  }

  // Goes on behind `key` in the direction of the walk, never back.
  void go_on_behind(std::string_view key) {
    if (reverse) {
      if (!high || key < *high) high = key;
    } else if (key >= low) {
      low = key;
      low_included = false;
    }
  }
  Index::Range range() const {
    return {Index::Start{low, low_included}, high ? std::optional<std::string_view>(*high) : std::nullopt};
  }

  bool contains(std::string_view key) const {
    return (low_included ? key >= low : key > low) && (!high || key < *high);
  }

  std::string low;
  bool low_included = true;
  std::optional<std::string> high;  // not included
  bool reverse;
};

}  // namespace minikv::engine
