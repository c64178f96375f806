// Regions, blocks and pieces, and when each goes back.
#include "engine/index/entry_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>
#include <utility>

// The pool tells AddressSanitizer what is free; without it these are nothing.
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, bytes) ((void)(begin), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(begin, bytes) ((void)(begin), (void)(bytes))
#endif

namespace minikv::engine {

// ---- blocks ----

EntryBlocks::~EntryBlocks() {
  for (const auto& [region, free] : regions_) {
    ASAN_UNPOISON_MEMORY_REGION(region, kRegionBytes);
    ::munmap(region, kRegionBytes);
  }
}

// Maps more than is needed, and cuts out of it a region that begins at a multiple of its size.
void EntryBlocks::add_region() {
  constexpr std::size_t kMapped = 2 * kRegionBytes;
  void* const mapped = ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(mapped);
  const auto behind = reinterpret_cast<std::uintptr_t>(begin) % kRegionBytes;
  char* const region = begin + (behind == 0 ? 0 : kRegionBytes - behind);
  if (region != begin) ::munmap(begin, static_cast<std::size_t>(region - begin));
  char* const end = region + kRegionBytes;
  if (end != begin + kMapped) ::munmap(end, static_cast<std::size_t>(begin + kMapped - end));
  // Where the kernel has no large pages to give, small ones will do.
  if (expects_many_ && regions_.size() >= kSmallRegions) (void)::madvise(region, kRegionBytes, MADV_HUGEPAGE);
  try {
    regions_.emplace(region, kAllFree);
    with_room_.insert(region);
  } catch (const std::bad_alloc&) {
    regions_.erase(region);
    ::munmap(region, kRegionBytes);
    throw;
  }
  ++empty_regions_;
}

void* EntryBlocks::take() {
  MutexLock lock(mutex_);
  if (with_room_.empty()) add_region();
  char* const region = *with_room_.begin();
  std::uint32_t& free = regions_.find(region)->second;
  if (free == kAllFree) --empty_regions_;
  const auto block = static_cast<std::size_t>(std::countr_zero(free));
  free &= free - 1;
  if (free == 0) {
    with_room_.erase(region);
    if (!expects_many_) (void)::madvise(region, kRegionBytes, MADV_HUGEPAGE);
  }
  return region + block * kBlockBytes;
}

void EntryBlocks::give_back(void* block) {
  MutexLock lock(mutex_);
  char* const address = static_cast<char*>(block);
  char* const region = address - reinterpret_cast<std::uintptr_t>(address) % kRegionBytes;
  const auto found = regions_.find(region);
  assert(found != regions_.end());
  std::uint32_t& free = found->second;
  assert(reinterpret_cast<std::uintptr_t>(address) % kBlockBytes == 0);
  assert((free >> static_cast<std::size_t>(address - region) / kBlockBytes & 1) == 0 && "given back twice");
  if (free == 0) with_room_.insert(region);
  free |= std::uint32_t{1} << static_cast<std::size_t>(address - region) / kBlockBytes;
  if (free != kAllFree) return;
  // One empty region is kept for the next take().
  if (++empty_regions_ == 1) return;
  --empty_regions_;
  with_room_.erase(region);
  regions_.erase(found);
  ASAN_UNPOISON_MEMORY_REGION(region, kRegionBytes);
  ::munmap(region, kRegionBytes);
}

// Each region that had no room takes a node of the tree of regions with room.
std::size_t EntryBlocks::bytes_to_give_back(std::size_t count) const {
  constexpr std::size_t kNodeBytes = 64;
  MutexLock lock(mutex_);
  return std::min(count, regions_.size() + 1) * kNodeBytes;
}

void EntryBlocks::expect_many(bool many) {
  MutexLock lock(mutex_);
  expects_many_ = many;
}

std::size_t EntryBlocks::mapped_bytes() const {
  MutexLock lock(mutex_);
  return regions_.size() * kRegionBytes;
}

// ---- pieces ----

EntryPool::~EntryPool() {
  while (large_ != nullptr) {
    Large* const next = large_->next;
    ::operator delete(large_);
    large_ = next;
  }
}

void EntryPool::swap(EntryPool& other) noexcept {
  std::swap(blocks_, other.blocks_);
  sizes_.swap(other.sizes_);
  std::swap(large_, other.large_);
}

template <typename Node>
void EntryPool::link(Node*& first, Node* node) {
  node->previous = nullptr;
  node->next = first;
  if (first != nullptr) first->previous = node;
  first = node;
}

template <typename Node>
void EntryPool::unlink(Node*& first, Node* node) {
  (node->previous != nullptr ? node->previous->next : first) = node->next;
  if (node->next != nullptr) node->next->previous = node->previous;
}

EntryPool::Block* EntryPool::new_block(std::size_t piece_bytes) {
  OfSize& size = sizes_[class_of(piece_bytes)];
  if (size.blocks.size() == size.blocks.capacity())
    size.blocks.reserve(std::max<std::size_t>(8, 2 * size.blocks.size()));
  auto* const block = new (blocks_->take()) Block;
  block->fresh = kFirstPiece;
  block->number = static_cast<std::uint32_t>(size.blocks.size());
  size.blocks.push_back(block);
  ASAN_POISON_MEMORY_REGION(reinterpret_cast<char*>(block) + kFirstPiece,
                            EntryBlocks::kBlockBytes - kFirstPiece);
  link(size.with_room, block);
  return block;
}

void EntryPool::give_back(Block* block, std::size_t size_class) {
  OfSize& size = sizes_[size_class];
  unlink(size.with_room, block);
  size.blocks[block->number] = size.blocks.back();
  size.blocks[block->number]->number = block->number;
  size.blocks.pop_back();
  ASAN_UNPOISON_MEMORY_REGION(block, EntryBlocks::kBlockBytes);
  blocks_->give_back(block);
}

void* EntryPool::allocate(std::size_t bytes) {
  if (is_large(bytes)) {
    auto* const large = new (::operator new(sizeof(Large) + bytes)) Large;
    link(large_, large);
    return large + 1;
  }
  Block*& first = sizes_[class_of(bytes)].with_room;
  const std::size_t piece_bytes = taken_by(bytes);
  Block* const block = first != nullptr ? first : new_block(piece_bytes);
  void* piece = block->free;
  if (piece != nullptr) {
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    block->free = block->free->next;
  } else {
    piece = reinterpret_cast<char*>(block) + block->fresh;
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
    block->fresh += static_cast<std::uint32_t>(piece_bytes);
  }
  ++block->used;
  if (!has_room(*block, piece_bytes)) unlink(first, block);
  return piece;
}

void EntryPool::free(void* piece, std::size_t bytes) {
  if (is_large(bytes)) {
    Large* const large = static_cast<Large*>(piece) - 1;
    unlink(large_, large);
    return ::operator delete(large);
  }
  const std::size_t piece_bytes = taken_by(bytes);
  auto* const block = reinterpret_cast<Block*>(
      static_cast<char*>(piece) - reinterpret_cast<std::uintptr_t>(piece) % EntryBlocks::kBlockBytes);
  assert(block->used > 0);
  if (!has_room(*block, piece_bytes)) link(sizes_[class_of(bytes)].with_room, block);
  block->free = new (piece) Free{block->free};
  ASAN_POISON_MEMORY_REGION(piece, piece_bytes);
  if (--block->used == 0) give_back(block, class_of(bytes));
}

std::bitset<EntryPool::kMaxPieces> EntryPool::free_of(const Block& block, std::size_t piece_bytes) {
  std::bitset<kMaxPieces> free;
  const char* const first = reinterpret_cast<const char*>(&block) + kFirstPiece;
  for (const Free* piece = block.free; piece != nullptr;) {
    free.set(static_cast<std::size_t>(reinterpret_cast<const char*>(piece) - first) / piece_bytes);
    ASAN_UNPOISON_MEMORY_REGION(piece, sizeof(Free));
    const Free* const next = piece->next;
    ASAN_POISON_MEMORY_REGION(piece, sizeof(Free));
    piece = next;
  }
  return free;
}

}  // namespace minikv::engine
