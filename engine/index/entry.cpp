#include "engine/index/entry.h"

#include <cassert>
#include <cstdlib>
#include <new>

#include "engine/format/layout.h"

namespace minikv::engine {

Entry* Entry::create(std::string_view key, const Place& place) {
  assert(key.size() <= 0xFFFF);
  const std::uint8_t flags = room_flags(place);
  void* memory = ::operator new(sizeof(Entry) + room(flags) + key.size());
  auto* entry = new (memory) Entry;
  entry->key_length_ = static_cast<std::uint16_t>(key.size());
  entry->flags_ = flags;
  entry->assign(place);
  if (!key.empty()) std::memcpy(entry->tail() + room(flags), key.data(), key.size());
  return entry;
}

void Entry::destroy(Entry* entry) {
  entry->~Entry();
  ::operator delete(entry);
}

void Entry::assign(const Place& place) {
  assert(can_hold(place));
  assert(place.offset % kAlignment == 0 && place.offset / kAlignment <= UINT32_MAX);
  sequence_ = place.sequence;
  segment_ = place.segment;
  offset_units_ = static_cast<std::uint32_t>(place.offset / kAlignment);
  value_bytes_ = place.value_bytes;
  flags_ = static_cast<std::uint8_t>(room_flags(place) | (place.lost ? kLost : 0) |
                                     (place.deleted ? kDeleted : 0));
  char* room_left = tail();
  if ((flags_ & kHasExpiry) != 0) {
    std::memcpy(room_left, &place.expiry_ms, sizeof(place.expiry_ms));
    room_left += sizeof(place.expiry_ms);
  }
  if ((flags_ & kHasVersion) != 0) std::memcpy(room_left, &place.version, sizeof(place.version));
}

Place Entry::place() const {
  Place place;
  place.sequence = sequence_;
  place.segment = segment_;
  place.offset = std::uint64_t{offset_units_} * kAlignment;
  place.value_bytes = value_bytes_;
  const char* room_left = tail();
  if ((flags_ & kHasExpiry) != 0) {
    std::memcpy(&place.expiry_ms, room_left, sizeof(place.expiry_ms));
    room_left += sizeof(place.expiry_ms);
  }
  place.version = sequence_;
  if ((flags_ & kHasVersion) != 0) std::memcpy(&place.version, room_left, sizeof(place.version));
  place.lost = (flags_ & kLost) != 0;
  place.deleted = (flags_ & kDeleted) != 0;
  return place;
}

}  // namespace minikv::engine
