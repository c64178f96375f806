// Millions of keys into byte order, at start-up.
#pragma once

#include <cstdint>
#include <span>

#include "engine/index/entry.h"

namespace minikv::engine {

// An entry and a piece of its key as a number: most comparisons need no look at the entry, which is anywhere in memory.
struct SortItem {
  std::uint64_t piece = 0;
  Entry* entry = nullptr;
};

// Sorts by key, with up to `threads` threads; the keys must be distinct, `piece` need not be set. Allocates nothing.
void sort_by_key(std::span<SortItem> items, unsigned threads);

}  // namespace minikv::engine
