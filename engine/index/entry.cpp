#include "engine/index/entry.h"

#include <cassert>
#include <new>

#include "engine/format/layout.h"

namespace minikv::engine {

Entry* Entry::create(EntryPool& pool, std::string_view key, const Place& place) {
  assert(key.size() <= 0xFFFF);
  const std::uint8_t flags = room_flags(place);
  void* memory = pool.allocate(sizeof(Entry) + room(flags) + key.size());
  auto* entry = new (memory) Entry;
  entry->key_length_ = static_cast<std::uint16_t>(key.size());
  entry->flags_.store(flags, std::memory_order_relaxed);
  entry->assign(place);
  if (!key.empty()) std::memcpy(entry->tail() + room(flags), key.data(), key.size());
  return entry;
}

void Entry::destroy(EntryPool& pool, Entry* entry) {
  const std::size_t bytes = entry->bytes();
  entry->~Entry();
  pool.free(entry, bytes);
}

void Entry::assign(const Place& place) {
  assert(can_hold(place));
  assert(place.offset % kAlignment == 0 && place.offset / kAlignment <= UINT32_MAX);
  sequence_ = place.sequence;
  segment_ = place.segment;
  offset_units_ = static_cast<std::uint32_t>(place.offset / kAlignment);
  value_bytes_ = place.value_bytes;
  const auto flags = static_cast<std::uint8_t>(room_flags(place) | (place.lost ? kLost : 0) |
                                               (place.deleted ? kDeleted : 0));
  flags_.store(flags, std::memory_order_relaxed);
  char* room_left = tail();
  if ((flags & kHasExpiry) != 0) {
    std::memcpy(room_left, &place.expiry_ms, sizeof(place.expiry_ms));
    room_left += sizeof(place.expiry_ms);
  }
  if ((flags & kHasVersion) != 0) std::memcpy(room_left, &place.version, sizeof(place.version));
}

Place Entry::place() const {
  Place place;
  place.sequence = sequence_;
  place.segment = segment_;
  place.offset = std::uint64_t{offset_units_} * kAlignment;
  place.value_bytes = value_bytes_;
  const std::uint8_t flags = this->flags();
  const char* room_left = tail();
  if ((flags & kHasExpiry) != 0) {
    std::memcpy(&place.expiry_ms, room_left, sizeof(place.expiry_ms));
    room_left += sizeof(place.expiry_ms);
  }
  place.version = sequence_;
  if ((flags & kHasVersion) != 0) std::memcpy(&place.version, room_left, sizeof(place.version));
  place.lost = (flags & kLost) != 0;
  place.deleted = (flags & kDeleted) != 0;
  return place;
}

}  // namespace minikv::engine
