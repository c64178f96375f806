#include "engine/index/key_order.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace minikv::engine {

void KeyOrder::swap(KeyOrder& other) {
  assert(is_complete() && other.is_complete());
  tree_.swap(other.tree_);
}

void KeyOrder::insert(Entry* entry) {
  if (is_complete()) {
    tree_.insert(entry);
  } else {
    making_->changes.push_back({entry, true});
  }
}

bool KeyOrder::erase(Entry* entry) {
  if (is_complete()) {
    tree_.erase(entry);
    return true;
  }
  making_->changes.push_back({entry, false});
  return false;
}

bool KeyOrder::replace(Entry* old, Entry* now) {
  if (!is_complete()) {
    making_->changes.push_back({old, false});
    making_->changes.push_back({now, true});
    return false;
  }
  tree_.insert(tree_.erase(tree_.find(old)), now);
  return true;
}

void KeyOrder::begin(Unsorted unsorted) {
  making_ = std::make_unique<Making>();
  making_->unsorted = std::move(unsorted);
}

bool KeyOrder::build(unsigned threads) {
  std::vector<SortItem, MappedAllocator<SortItem>> items;
  std::size_t count = 0;
  for (const auto& part : making_->unsorted) count += part.size();
  items.reserve(count);
  for (const auto& part : making_->unsorted) {
    for (Entry* const entry : part) items.push_back({0, entry});
  }
  making_->unsorted = {};
  // Sorted first, every insertion is an append, which is many times cheaper than finding each one's place.
  Tree& tree = making_->tree;
  const auto append = [this, &tree](std::span<const SortItem> sorted) {
    constexpr std::size_t kEntriesAhead = 12;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (i + kEntriesAhead < sorted.size()) __builtin_prefetch(sorted[i + kEntriesAhead].entry);
      tree.insert(tree.end(), sorted[i].entry);
    }
    return !is_given_up_.load(std::memory_order_relaxed);
  };
  sort_by_key(items, threads, append);
  if (is_given_up_.load(std::memory_order_relaxed)) return false;
  built_.open();
  return true;
}

void KeyOrder::wait_until_built() const {
  if (!is_complete()) built_.wait();
}

}  // namespace minikv::engine
