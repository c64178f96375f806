// What the index knows about one key.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/format/segment_id.h"
#include "engine/index/entry_pool.h"

namespace minikv::engine {

// The location of a key's newest record, and what must be known without reading it.
struct Location {
  std::uint64_t sequence = 0;  // of the newest record about the key
  std::uint64_t version = 0;   // of the value: the same, unless its expiry was changed since
  std::uint64_t offset = 0;    // of the record that holds the value
  SegmentId segment;           // that holds it
  std::uint32_t value_bytes = 0;
  std::int64_t expiry_ms = 0;  // or 0
  bool lost = false;           // the value was damaged
  // Only while a store is being opened: the newest record is a tombstone, which must win over older records
  // that are loaded later.
  bool deleted = false;

  bool is_at(SegmentId in, std::uint64_t at) const { return segment == in && offset == at; }
};

// One key in memory: a single allocation with the key's bytes at its end. Before them lie the expiry, if
// there is one, and the version, if it is not the sequence. Nearly all entries take 24 bytes beside the key.
//
// Thread safety: not thread-safe; but key() may be called while another thread assigns.
class Entry {
 public:
  static Entry* create(EntryPool& pool, std::string_view key, const Location& location);
  // `pool` is the one that the entry was created in.
  static void destroy(EntryPool& pool, Entry* entry);
  // Whether `location` fits into the allocation that is there.
  bool can_hold(const Location& location) const { return (flags() & kRoomFlags) == room_flags(location); }
  void assign(const Location& location);  // needs can_hold()

  std::string_view key() const { return {tail() + room(flags()), key_length_}; }
  Location location() const;
  std::size_t bytes() const { return sizeof(Entry) + room(flags()) + key_length_; }
  static std::size_t bytes(std::size_t key_bytes, const Location& location) {
    return sizeof(Entry) + room(room_flags(location)) + key_bytes;
  }

  // Parts of location(), for callers that need no more.
  std::uint64_t sequence() const { return sequence_; }
  bool is_deleted() const { return (flags() & kDeleted) != 0; }
  std::int64_t expiry_ms() const {
    std::int64_t expiry_ms = 0;
    if ((flags() & kHasExpiry) != 0) std::memcpy(&expiry_ms, tail(), sizeof(expiry_ms));
    return expiry_ms;
  }

 private:
  static constexpr std::uint8_t kHasExpiry = 1, kHasVersion = 2, kLost = 4, kDeleted = 8;
  static constexpr std::uint8_t kRoomFlags = kHasExpiry | kHasVersion;

  static std::uint8_t room_flags(const Location& location) {
    return static_cast<std::uint8_t>((location.expiry_ms != 0 ? kHasExpiry : 0) |
                                     (location.version != location.sequence ? kHasVersion : 0));
  }
  static std::size_t room(std::uint8_t flags) {
    return sizeof(std::int64_t) * static_cast<std::size_t>((flags & 1) + ((flags >> 1) & 1));
  }
  std::uint8_t flags() const { return flags_.load(std::memory_order_relaxed); }
  const char* tail() const { return reinterpret_cast<const char*>(this + 1); }
  char* tail() { return reinterpret_cast<char*>(this + 1); }

  std::uint64_t sequence_;
  std::uint32_t segment_;       // the number of its id
  std::uint32_t offset_units_;  // of 8 bytes
  std::uint32_t value_bytes_;
  std::uint16_t key_length_;
  std::atomic<std::uint8_t> flags_;  // the flags that say where the key begins never change
};
static_assert(sizeof(Entry) == 24);

}  // namespace minikv::engine
