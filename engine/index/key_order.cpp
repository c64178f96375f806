// The B-tree of entries in byte order, and what changes while it is built.
#include "engine/index/key_order.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace minikv::engine {

void KeyOrder::swap(KeyOrder& other) noexcept {
  assert(is_complete() && other.is_complete());
  tree_.swap(other.tree_);
}

void KeyOrder::insert(Entry* entry) {
  if (is_complete()) {
    [[maybe_unused]] const bool is_new = tree_.insert(entry).second;
    assert(is_new);
  } else {
    making_->changes.push_back({entry, true});
  }
}

bool KeyOrder::erase(Entry* entry) {
  if (is_complete()) {
    [[maybe_unused]] const std::size_t erased = tree_.erase(entry);
    assert(erased == 1);
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
  const auto found = tree_.find(old);
  assert(found != tree_.end() && *found == old && old->key() == now->key());
  tree_.insert(tree_.erase(found), now);
  return true;
}

void KeyOrder::begin(Unsorted unsorted) {
  assert(is_complete() && tree_.empty() && "begin() once, before any entry is inserted");
  making_ = std::make_unique<Making>();
  making_->unsorted = std::move(unsorted);
}

void KeyOrder::gather_items() {
  Items& items = making_->items;
  if (!items.empty()) return;
  std::size_t count = 0;
  for (const auto& part : making_->unsorted) count += part.size();
  items.reserve(count);
  for (const auto& part : making_->unsorted) {
    for (Entry* const entry : part) items.push_back({0, entry});
  }
  making_->unsorted = {};
}

bool KeyOrder::build(unsigned threads) {
  assert(!is_complete() && state_ != State::kBuilt && "build() after begin(), and once");
  state_ = State::kBuilding;
  try {
    gather_items();
    if (!sort_items(threads)) return false;
    state_ = State::kBuilt;
    state_.notify_all();
    return true;
  } catch (const std::bad_alloc&) {
    making_->tree.clear();
    state_ = State::kWithoutMemory;
    state_.notify_all();
    throw;
  }
}

bool KeyOrder::sort_items(unsigned threads) {
  // Insertions of sorted entries are appends, which are many times cheaper than a search of the tree for
  // each.
  Tree& tree = making_->tree;
  bool has_memory = true;
  const auto append = [&](std::span<const SortItem> sorted) {
    constexpr std::size_t kEntriesAhead = 12;
    try {
      for (std::size_t i = 0; i < sorted.size(); ++i) {
        if (i + kEntriesAhead < sorted.size()) __builtin_prefetch(sorted[i + kEntriesAhead].entry);
        assert(tree.empty() || (*tree.rbegin())->key() < sorted[i].entry->key());
        tree.insert(tree.end(), sorted[i].entry);
      }
    } catch (const std::bad_alloc&) {
      has_memory = false;  // thrown when the threads that sort have ended
    }
    return has_memory && !is_given_up_.load(std::memory_order_relaxed);
  };
  sort_by_key(making_->items, threads, append);
  if (is_given_up_.load(std::memory_order_relaxed)) return false;
  if (!has_memory) throw std::bad_alloc();
  making_->items = Items();
  return true;
}

bool KeyOrder::wait_until_built() const {
  while (!is_complete()) {
    const State state = state_.load();
    if (state != State::kBuilding) return state == State::kBuilt;
    state_.wait(State::kBuilding);
  }
  return true;
}

}  // namespace minikv::engine
