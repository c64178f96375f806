// How much room there is on the disk, and when dropped segments give theirs back.
#include "engine/files/disk_space.h"

#include <algorithm>

namespace minikv::engine {
namespace {

constexpr std::uint64_t kMuchToRelease = 8;  // segments
constexpr std::uint64_t kReservedPart = 4;
constexpr std::uint64_t kRoomBesideKept = 8;  // segments
constexpr std::size_t kMaxDying = 8;          // segments that give their space back at the same time

}  // namespace

Result<std::uint64_t> DiskSpace::free_bytes() const {
  auto free = context_.file_system.free_space(context_.directory);
  if (free) *free += release_.bytes();
  return free;
}

bool DiskSpace::may_grow_log(std::uint64_t bytes) const {
  const auto free = free_bytes();
  // A file that can be recycled is as good as room for a segment.
  return !free || *free + dropped_.recyclable_bytes() >= context_.options.segment_size + kMiB + bytes;
}

std::uint64_t DiskSpace::reserved_bytes() const {
  const std::uint64_t size = context_.options.segment_size;
  std::uint64_t room = manifest_.segment_bytes(size);
  if (room < size) {
    const auto free = free_bytes();
    room += free ? *free : size;
  }
  return std::min(room, size) / kReservedPart;
}

bool DiskSpace::is_keeping_over() const {
  if (monitor_.is_stopping() || context_.clock.steady_ms() >= dropped_.kept_until_ms()) return true;
  const auto free = context_.file_system.free_space(context_.directory);
  return free && *free < kRoomBesideKept * context_.options.segment_size + kMiB;
}

bool DiskSpace::is_unlinking_due() const {
  if (dropped_.is_empty() || room_to_give_back() == 0) return false;
  return dropped_.has_surplus() || is_keeping_over();
}

std::size_t DiskSpace::room_to_give_back() const {
  return release_.count() < kMaxDying ? kMaxDying - release_.count() : 0;
}

bool DiskSpace::is_release_due() const {
  return is_giving_back() && !monitor_.is_stopping() &&
         (is_release_late() || std::chrono::steady_clock::now() >= release_.next_at());
}

bool DiskSpace::is_release_late() const {
  const std::uint64_t bytes = release_.bytes() + dropped_.surplus_bytes();
  if (bytes == 0) return false;
  if (bytes > kMuchToRelease * context_.options.segment_size) return true;
  const auto free = context_.file_system.free_space(context_.directory);
  return free && *free < 2 * context_.options.segment_size;
}

}  // namespace minikv::engine
