// Address space that is mapped before it is needed, so that its use can not fail.
#include "engine/base/memory_reserve.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace minikv::engine {

// The header at the beginning of each mapping.
struct MemoryReserve::Region {
  Region* next = nullptr;
  std::size_t bytes = 0;    // in all
  std::size_t used = 0;     // by this header, and by pieces that were taken
  std::size_t pieces = 0;   // that were taken and not given back; guarded by mutex_
  bool is_retired = false;  // nothing more is taken from it; guarded by mutex_

  std::size_t left() const { return bytes - used; }
  bool holds(const void* memory) const {
    const auto at = reinterpret_cast<std::uintptr_t>(memory), begin = reinterpret_cast<std::uintptr_t>(this);
    return at >= begin && at < begin + bytes;
  }
};

namespace {

constexpr std::size_t kStep = 16;
constexpr std::size_t round_up(std::size_t bytes) { return (bytes + kStep - 1) / kStep * kStep; }

}  // namespace

thread_local MemoryReserve* MemoryReserve::current_ = nullptr;
std::atomic<std::size_t> MemoryReserve::taken_{0};
Mutex MemoryReserve::mutex_;
MemoryReserve::Region* MemoryReserve::regions_ = nullptr;

MemoryReserve::~MemoryReserve() {
  retire(standing_);
  retire(extra_);
}

// The kernel accounts for the mapping, but gives it no memory until it is written to, the header's page
// aside.
MemoryReserve::Region* MemoryReserve::map(std::size_t bytes) noexcept {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const region = new (memory) Region;
  region->bytes = bytes;
  region->used = round_up(sizeof(Region));
  MutexLock lock(mutex_);
  region->next = regions_;
  regions_ = region;
  return region;
}

void MemoryReserve::unmap(Region* region) noexcept {
  Region** link = &regions_;
  while (*link != region) link = &(*link)->next;
  *link = region->next;
  ::munmap(region, region->bytes);
}

void MemoryReserve::retire(Region*& region) noexcept {
  if (region == nullptr) return;
  MutexLock lock(mutex_);
  region->is_retired = true;
  if (region->pieces == 0) unmap(region);
  region = nullptr;
}

bool MemoryReserve::ensure(std::size_t bytes) noexcept {
  bytes = round_up(bytes);
  if (standing_ != nullptr && standing_->left() >= bytes) return true;
  // Replaces a standing region of which more than half is used, if another one can be mapped.
  if (standing_ == nullptr || standing_->left() < kStandingBytes / 2) {
    if (Region* const fresh = map(kStandingBytes)) {
      retire(standing_);
      standing_ = fresh;
    }
  }
  if (standing_ != nullptr && standing_->left() >= bytes) return true;
  if (extra_ != nullptr && extra_->left() >= bytes) return true;
  retire(extra_);
  extra_ = map(bytes + round_up(sizeof(Region)));
  return extra_ != nullptr;
}

void MemoryReserve::relax() noexcept {
  if (extra_ != nullptr && extra_->bytes > 4 * kStandingBytes) retire(extra_);
}

void* MemoryReserve::take(std::size_t bytes) noexcept {
  bytes = round_up(std::max<std::size_t>(bytes, 1));
  for (Region* const region : {extra_, standing_}) {
    if (region == nullptr || region->left() < bytes) continue;
    void* const memory = reinterpret_cast<char*>(region) + region->used;
    region->used += bytes;
    MutexLock lock(mutex_);
    ++region->pieces;
    taken_.fetch_add(1, std::memory_order_release);
    return memory;
  }
  return nullptr;
}

bool MemoryReserve::give_back_taken(void* memory) noexcept {
  MutexLock lock(mutex_);
  for (Region* region = regions_; region != nullptr; region = region->next) {
    if (!region->holds(memory)) continue;
    taken_.fetch_sub(1, std::memory_order_release);
    if (--region->pieces == 0 && region->is_retired) unmap(region);
    return true;
  }
  return false;
}

}  // namespace minikv::engine
