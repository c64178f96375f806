// The point part of the index: extendible hashing over small leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/index/entry.h"

namespace minikv::engine {

// A directory, indexed by the top bits of the hash, of leaves of up to a thousand slots. A full leaf splits in two, so
// that growth never stops the world for longer than one leaf takes, and the order of the leaves is the order of the
// hashes: a walk can be resumed from a number. A slot is 8 bytes: the entry's address and 16 bits of its hash, which
// spare most of the looks at other keys' entries.
//
// Does not own the entries.
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class HashIndex {
 public:
  HashIndex();

  Entry* find(std::string_view key) const;
  void insert(Entry* entry);             // the key must not be there
  void replace(Entry* old, Entry* now);  // of the same key
  void erase(Entry* entry);

  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return memory_bytes_; }

  template <typename Visitor>
  void for_each(Visitor visit) const {
    const Leaf* last = nullptr;
    for (const auto& leaf : directory_) {
      if (leaf.get() == last) continue;
      last = leaf.get();
      for (const std::uint64_t slot : last->slots) {
        if (slot != 0) visit(entry_of(slot));
      }
    }
  }

 private:
  struct Leaf {
    unsigned depth = 0;  // how many top bits its hashes share
    std::size_t used = 0;
    std::vector<std::uint64_t> slots;
  };

  static std::uint64_t hash_of(std::string_view key);
  static Entry* entry_of(std::uint64_t slot) {
    return reinterpret_cast<Entry*>(slot & ((std::uint64_t{1} << 48) - 1));
  }
  static std::uint64_t make_slot(Entry* entry, std::uint64_t hash);
  static std::size_t home(const Leaf& leaf, std::uint64_t hash) {
    return static_cast<std::size_t>(((hash & 0xFFFFFFFF) * leaf.slots.size()) >> 32);
  }
  static void place(Leaf& leaf, std::uint64_t hash, std::uint64_t slot);

  Leaf& leaf_for(std::uint64_t hash) const {
    return *directory_[depth_ == 0 ? 0 : static_cast<std::size_t>(hash >> (64 - depth_))];
  }
  std::size_t slot_of(const Leaf& leaf, const Entry* entry, std::uint64_t hash) const;
  void resize(Leaf& leaf, std::size_t capacity);
  void split(std::uint64_t hash);

  unsigned depth_ = 0;
  std::vector<std::shared_ptr<Leaf>> directory_;
  std::size_t size_ = 0;
  std::size_t memory_bytes_ = 0;
};

}  // namespace minikv::engine
