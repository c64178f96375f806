// The index: every key, where its value is, and the keys in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <absl/container/btree_set.h>

#include "engine/index/entry.h"
#include "engine/index/hash_index.h"

namespace minikv::engine {

// Hides how it is built: today a hash part for points and an ordered part for walks, every key in memory.
//
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class Index {
 public:
  Index() = default;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  ~Index();

  std::optional<Place> find(std::string_view key) const;
  // Sets the key's place; returns the one it had.
  std::optional<Place> put(std::string_view key, const Place& place);
  // Returns the place it had.
  std::optional<Place> erase(std::string_view key);

  std::size_t size() const { return points_.size(); }
  std::size_t memory_bytes() const;

  // Walks the keys from `from` on (included or not) in byte order, or from there backwards; without `from` from the
  // respective end. Stops when `visit(key, place)` returns false.
  struct Start {
    std::string_view key;
    bool included = true;
  };
  template <typename Visitor>
  void walk(std::optional<Start> from, Visitor visit) const;
  template <typename Visitor>
  void walk_back(std::optional<Start> from, Visitor visit) const;

  // Filling the index while a store is being opened: the ordered part is left out until finish_loading(), which also
  // drops the entries marked as deleted. `put` and the walks may not be used before it.
  std::optional<Place> find_loading(std::string_view key) const { return find(key); }
  void put_loading(std::string_view key, const Place& place);
  void finish_loading();

 private:
  struct Less {
    using is_transparent = void;
    bool operator()(const Entry* a, const Entry* b) const { return a->key() < b->key(); }
    bool operator()(const Entry* a, std::string_view b) const { return a->key() < b; }
    bool operator()(std::string_view a, const Entry* b) const { return a < b->key(); }
  };
  using Ordered = absl::btree_set<Entry*, Less>;

  Ordered::const_iterator lower(const Start& start) const {
    return start.included ? order_.lower_bound(start.key) : order_.upper_bound(start.key);
  }

  HashIndex points_;
  Ordered order_;
  std::size_t entry_bytes_ = 0;
};

template <typename Visitor>
void Index::walk(std::optional<Start> from, Visitor visit) const {
  for (auto it = from ? lower(*from) : order_.begin(); it != order_.end(); ++it) {
    if (!visit((*it)->key(), (*it)->place())) return;
  }
}

template <typename Visitor>
void Index::walk_back(std::optional<Start> from, Visitor visit) const {
  // The first entry that is out of reach: everything before it is walked.
  auto it = from ? lower({from->key, !from->included}) : order_.end();
  while (it != order_.begin()) {
    --it;
    if (!visit((*it)->key(), (*it)->place())) return;
  }
}

}  // namespace minikv::engine
