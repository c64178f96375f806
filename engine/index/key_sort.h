// Sorts millions of keys into byte order, at start-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "engine/index/entry.h"

namespace minikv::engine {

// An entry and a piece of its key as a number: most comparisons need no look at the entry, which is anywhere
// in memory.
struct SortItem {
  std::uint64_t piece = 0;
  Entry* entry = nullptr;
};

// Sorts by key, with up to `threads` threads; the keys must be distinct, `piece` need not be set. Shows
// sorted items to `visit`, from the first to the last and on the caller's thread, while other threads go on
// sorting. As soon as `visit` returns false, the rest is left as it is.
using Sorted = std::function<bool(std::span<const SortItem>)>;
void sort_by_key(std::span<SortItem> items, unsigned threads, const Sorted& visit);

}  // namespace minikv::engine
