// The bytes of an entry: its fields, those that are optional, and the key.
#include "engine/index/entry.h"

#include <cassert>
#include <new>

#include "engine/format/layout.h"

namespace minikv::engine {

Entry* Entry::create(EntryPool& pool, std::string_view key, const Location& location) {
  assert(key.size() <= 0xFFFF);
  const std::uint8_t flags = room_flags(location);
  void* memory = pool.allocate(sizeof(Entry) + room(flags) + key.size());
  auto* entry = new (memory) Entry;
  entry->key_length_ = static_cast<std::uint16_t>(key.size());
  entry->flags_.store(flags, std::memory_order_relaxed);
  entry->assign(location);
  if (!key.empty()) std::memcpy(entry->tail() + room(flags), key.data(), key.size());
  return entry;
}

void Entry::destroy(EntryPool& pool, Entry* entry) {
  const std::size_t bytes = entry->bytes();
  entry->~Entry();
  pool.free(entry, bytes);
}

void Entry::assign(const Location& location) {
  assert(can_hold(location));
  assert(location.offset % kAlignment == 0 && location.offset / kAlignment <= UINT32_MAX);
  sequence_ = location.sequence;
  segment_ = location.segment.number();
  offset_units_ = static_cast<std::uint32_t>(location.offset / kAlignment);
  value_bytes_ = location.value_bytes;
  const auto flags = static_cast<std::uint8_t>(room_flags(location) | (location.lost ? kLost : 0) |
                                               (location.deleted ? kDeleted : 0));
  flags_.store(flags, std::memory_order_relaxed);
  char* room_left = tail();
  if ((flags & kHasExpiry) != 0) {
    std::memcpy(room_left, &location.expiry_ms, sizeof(location.expiry_ms));
    room_left += sizeof(location.expiry_ms);
  }
  if ((flags & kHasVersion) != 0) std::memcpy(room_left, &location.version, sizeof(location.version));
}

Location Entry::location() const {
  Location location;
  location.sequence = sequence_;
  location.segment = SegmentId(segment_);
  location.offset = std::uint64_t{offset_units_} * kAlignment;
  location.value_bytes = value_bytes_;
  const std::uint8_t flags = this->flags();
  const char* room_left = tail();
  if ((flags & kHasExpiry) != 0) {
    std::memcpy(&location.expiry_ms, room_left, sizeof(location.expiry_ms));
    room_left += sizeof(location.expiry_ms);
  }
  location.version = sequence_;
  if ((flags & kHasVersion) != 0) std::memcpy(&location.version, room_left, sizeof(location.version));
  location.lost = (flags & kLost) != 0;
  location.deleted = (flags & kDeleted) != 0;
  return location;
}

}  // namespace minikv::engine
