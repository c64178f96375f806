// The keys in byte order.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include <absl/container/btree_set.h>

#include "engine/base/mapped_allocator.h"
#include "engine/base/memory_reserve.h"
#include "engine/index/entry.h"
#include "engine/index/key_sort.h"
#include "engine/index/tree_growth.h"

namespace minikv::engine {

// A B-tree of the entries. With millions of keys it takes a third of a whole start to build, and few callers
// need it at once. So a thread of its own can build it while entries come and go. Changes meanwhile are
// pending, and applied afterwards; erased entries are kept until then, because the thread looks at their
// keys.
//
// Does not own the entries. Thread safety: const members may be called by any number of threads at once, the
// others by one alone; but build(), give_up() and wait_until_built() may be called beside all of them.
class KeyOrder {
 public:
  struct Less {
    using is_transparent = void;
    bool operator()(const Entry* a, const Entry* b) const { return a->key() < b->key(); }
    bool operator()(const Entry* a, std::string_view b) const { return a->key() < b; }
    bool operator()(std::string_view a, const Entry* b) const { return a < b->key(); }
  };
  using Tree = absl::btree_set<Entry*, Less, ReservedAllocator<Entry*>>;

  // Both must be complete.
  void swap(KeyOrder& other) noexcept;
  void insert(Entry* entry);
  // To be called before an entry is destroyed. False: the entry is still needed, and apply_pending_changes()
  // will let go of it.
  bool erase(Entry* entry);
  // Replaces `old` by `now`, which has the same key. False: as for erase(), of `old`.
  bool replace(Entry* old, Entry* now);

  // ---- making it ----

  using Entries = std::vector<Entry*, MappedAllocator<Entry*>>;
  using Unsorted = std::vector<Entries>;
  // Takes the entries of an index that was filled; the tree must be empty. Until apply_pending_changes() has
  // returned true there is nothing to walk over.
  void begin(Unsorted unsorted);
  // Builds the tree after begin(), with up to `threads` threads. False: it was given up, and there will be no
  // order. Throws std::bad_alloc if there is no memory for it, and may then be called again.
  bool build(unsigned threads);
  void give_up() { is_given_up_.store(true, std::memory_order_relaxed); }
  // Waits for build(). False: there was no memory for it, and it has to be called again.
  bool wait_until_built() const;
  // After build(): applies up to `limit` of the changes that came since begin(), and shows the entries that
  // are not needed any more to `let_go`. True: those were all.
  template <typename LetGo>
  bool apply_pending_changes(std::size_t limit, LetGo let_go);
  // The number of changes that are still to be applied.
  std::size_t pending_changes() const {
    return is_complete() ? 0 : making_->changes.size() - making_->applied;
  }
  bool is_complete() const { return making_ == nullptr; }

  // The maximum number of bytes that `count` calls of insert() and replace() allocate.
  std::size_t growth_bytes(std::size_t count) const {
    return is_complete() ? growth_of_tree(tree_.size(), count, sizeof(Entry*)) : count * 64 + 4096;
  }

  const Tree& tree() const { return tree_; }

 private:
  struct Change {
    Entry* entry;
    bool is_new;  // false: it was erased
  };
  using Items = std::vector<SortItem, MappedAllocator<SortItem>>;
  struct Making {
    Unsorted unsorted;
    Items items;  // the same entries, while they are being sorted
    Tree tree;
    std::deque<Change, ReservedAllocator<Change>> changes;
    std::size_t applied = 0;  // of the changes
  };

  void gather_items();
  bool sort_items(unsigned threads);

  Tree tree_;
  std::unique_ptr<Making> making_;
  enum class State : std::uint8_t { kBuilding, kBuilt, kWithoutMemory };
  std::atomic<State> state_{State::kBuilding};
  std::atomic<bool> is_given_up_{false};
};

template <typename LetGo>
bool KeyOrder::apply_pending_changes(std::size_t limit, LetGo let_go) {
  if (is_complete()) return true;
  assert(state_ == State::kBuilt && "there is nothing to apply changes to yet");
  auto& changes = making_->changes;
  for (; limit > 0 && making_->applied < changes.size(); --limit) {
    const Change& change = changes[making_->applied];
    if (change.is_new) {
      making_->tree.insert(change.entry);  // may throw std::bad_alloc; then it is still pending
    } else {
      making_->tree.erase(change.entry);
      let_go(change.entry);
    }
    ++making_->applied;
  }
  if (making_->applied < changes.size()) return false;
  tree_.swap(making_->tree);
  making_.reset();
  return true;
}

}  // namespace minikv::engine
