// Memory for the index's entries: millions of small pieces of a few sizes. malloc would cost a lock and a
// header for each, and a page of the kernel's for each few dozen.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "engine/base/memory_reserve.h"
#include "engine/base/thread_annotations.h"

namespace minikv::engine {

// Blocks of 64 KiB for any number of pools, out of regions of 2 MiB, which the kernel can map as one page
// each. Look-ups go anywhere in memory, and with small pages each of them waits for the page tables too.
//
// Thread safety: all members may be called from any thread.
class EntryBlocks {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;

  EntryBlocks() = default;
  EntryBlocks(const EntryBlocks&) = delete;
  EntryBlocks& operator=(const EntryBlocks&) = delete;
  // No block may be in use by then; blocks need not have been given back.
  ~EntryBlocks();

  // Takes a block, at an address that is a multiple of kBlockBytes. Throws std::bad_alloc if there is none,
  // and changes nothing then.
  void* take() MINIKV_EXCLUDES(mutex_);
  // May need a few bytes of memory, from the thread's reserve if there is nothing else (MemoryReserve).
  void give_back(void* block) MINIKV_EXCLUDES(mutex_);
  // The maximum number of bytes that `count` calls of give_back() need.
  std::size_t bytes_to_give_back(std::size_t count) const MINIKV_EXCLUDES(mutex_);
  // True: the caller is about to take many blocks, so the pool asks for regions as large pages at once.
  // Otherwise the pool tells the kernel when a region is full, and the kernel makes it a large page when it
  // has time. A large page is cleared as a whole: a single write should not wait for that, and a small store
  // should not pay for it.
  void expect_many(bool many) MINIKV_EXCLUDES(mutex_);
  // The bytes of all regions.
  std::size_t mapped_bytes() const MINIKV_EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kRegionBytes = 32 * kBlockBytes;
  static constexpr std::uint32_t kAllFree = 0xFFFFFFFF;
  static constexpr std::size_t kSmallRegions = 8;  // the first ones, which are not made large pages at once

  void add_region() MINIKV_REQUIRES(mutex_);

  mutable Mutex mutex_;
  // By region, a bit for each free block.
  std::map<char*, std::uint32_t, std::less<>, ReservedAllocator<std::pair<char* const, std::uint32_t>>>
      regions_ MINIKV_GUARDED_BY(mutex_);
  std::set<char*, std::less<>, ReservedAllocator<char*>> with_room_ MINIKV_GUARDED_BY(mutex_);
  std::size_t empty_regions_ MINIKV_GUARDED_BY(mutex_) = 0;
  bool expects_many_ MINIKV_GUARDED_BY(mutex_) = false;
};

// Pieces in steps of 16 bytes, each size from blocks of its own; large ones from operator new. The addresses
// are multiples of 16. The pieces are freed with the pool and its blocks, without a call of their
// destructors.
//
// Thread safety: not thread-safe, const members may be called by any number of threads at once; pools may
// share their blocks.
class EntryPool {
 public:
  // `blocks` must outlive every use of the pool; the pool's destructor does not need them.
  explicit EntryPool(EntryBlocks& blocks) : blocks_(&blocks) {}
  EntryPool(const EntryPool&) = delete;
  EntryPool& operator=(const EntryPool&) = delete;
  ~EntryPool();
  void swap(EntryPool& other) noexcept;

  void* allocate(std::size_t bytes);
  void free(void* piece, std::size_t bytes);

  // The bytes that a piece takes, its share of the bookkeeping included.
  static std::size_t taken_by(std::size_t bytes) {
    if (is_large(bytes)) bytes += sizeof(Large) + sizeof(void*);
    return (bytes + kStep - 1) / kStep * kStep;
  }
  // Shows all pieces, in the order in which they lie in memory or nearly so.
  template <typename Visitor>
  void for_each(Visitor visit) const;

 private:
  static constexpr std::size_t kStep = 16, kLargest = 512;
  static constexpr std::size_t kMaxPieces = EntryBlocks::kBlockBytes / kStep;
  struct Free {
    Free* next;
  };
  // The header of each large piece.
  struct alignas(kStep) Large {
    Large* next;
    Large* previous;
  };
  // The header of each block.
  struct Block {
    Block* next = nullptr;  // a list of the blocks of its size that have room
    Block* previous = nullptr;
    Free* free = nullptr;
    std::uint32_t number = 0;  // in OfSize::blocks
    std::uint32_t used = 0;    // pieces
    std::uint32_t fresh = 0;   // from here on no piece was handed out yet
  };
  static constexpr std::size_t kFirstPiece = (sizeof(Block) + kStep - 1) / kStep * kStep;

  static bool is_large(std::size_t bytes) { return bytes > kLargest; }
  static std::size_t class_of(std::size_t bytes) { return (bytes + kStep - 1) / kStep - 1; }
  static bool has_room(const Block& block, std::size_t piece_bytes) {
    return block.free != nullptr || block.fresh + piece_bytes <= EntryBlocks::kBlockBytes;
  }
  Block* new_block(std::size_t piece_bytes);
  void give_back(Block* block, std::size_t size_class);
  template <typename Node>
  static void link(Node*& first, Node* node);
  template <typename Node>
  static void unlink(Node*& first, Node* node);
  // The free pieces of a block, without those that were never handed out.
  static std::bitset<kMaxPieces> free_of(const Block& block, std::size_t piece_bytes);

  struct OfSize {
    std::vector<Block*> blocks;
    Block* with_room = nullptr;
  };
  EntryBlocks* blocks_;
  std::array<OfSize, kLargest / kStep> sizes_;
  Large* large_ = nullptr;
};

template <typename Visitor>
void EntryPool::for_each(Visitor visit) const {
  for (std::size_t size_class = 0; size_class < sizes_.size(); ++size_class) {
    const std::size_t piece_bytes = (size_class + 1) * kStep;
    for (Block* const block : sizes_[size_class].blocks) {
      const auto free = free_of(*block, piece_bytes);
      char* piece = reinterpret_cast<char*>(block) + kFirstPiece;
      char* const end = reinterpret_cast<char*>(block) + block->fresh;
      for (std::size_t i = 0; piece < end; ++i, piece += piece_bytes) {
        if (!free[i]) visit(static_cast<void*>(piece));
      }
    }
  }
  for (Large* large = large_; large != nullptr; large = large->next) visit(static_cast<void*>(large + 1));
}

}  // namespace minikv::engine
