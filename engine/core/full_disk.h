// Spells of refused writes: since when the disk or the index is full, or writes fail for another reason, and
// whether that is over.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/thread_annotations.h"
#include "minikv/status.h"

namespace minikv::engine {

// kDiskFull, for the store in `directory`. `why`: why no room on the disk may be taken.
Status disk_full(std::string_view directory, std::string_view why);
// `why` for a write that would take the room of the spare segment.
inline constexpr std::string_view kRoomIsKept = "what room is left is kept for deletes and compaction";

struct DiskRoom {
  std::uint64_t free_bytes = 0;
  std::uint64_t reserve_bytes = 0;  // kept for deletes and compaction
};

// A spell begins with the first refused write. It is over when no write has been refused for a while, and
// either a write that takes room has succeeded or there is room for another segment. So a disk that has room
// for some writes and not for others is logged once. A spell for another reason than want of room is the
// same, with the cause in place of the room.
//
// Thread safety: all members may be called from any thread.
class RefusalSpell {
 public:
  struct Spell {
    std::int64_t duration_ms = 0;
    std::uint64_t refused = 0;
  };

  bool is_on() const { return is_on_.load(std::memory_order_acquire); }

  // A write was refused. True: a spell begins.
  bool note_refused(std::int64_t now_ms, const Status& why = {}) MINIKV_EXCLUDES(mutex_) {
    return note(now_ms, 1, why);
  }
  // There is no room to begin with: a spell without a refused write. True: a spell begins.
  bool note_no_room(std::int64_t now_ms) MINIKV_EXCLUDES(mutex_) { return note(now_ms, 0, {}); }
  // A write that takes room has succeeded.
  void note_taken() MINIKV_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    was_taken_ = true;
  }
  // Ends the spell and returns it, if it is over.
  std::optional<Spell> look(std::int64_t now_ms, bool has_room) MINIKV_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!is_on() || now_ms - last_ms_ < kCalmMs || (!has_room && !was_taken_)) return std::nullopt;
    is_on_.store(false, std::memory_order_release);
    why_ = Status();
    return Spell{now_ms - since_ms_, refused_};
  }
  // Why the last write was refused.
  Status why() const MINIKV_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return why_;
  }
  // 0: there is no spell.
  std::int64_t duration_ms(std::int64_t now_ms) const MINIKV_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return is_on() ? std::max<std::int64_t>(now_ms - since_ms_, 1) : 0;
  }

 private:
  static constexpr std::int64_t kCalmMs = 10'000;

  bool note(std::int64_t now_ms, std::uint64_t refused, const Status& why) MINIKV_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const bool begins = !is_on();
    if (begins) {
      since_ms_ = now_ms;
      refused_ = 0;
    }
    refused_ += refused;
    last_ms_ = now_ms;
    why_ = why;
    was_taken_ = false;
    is_on_.store(true, std::memory_order_release);
    return begins;
  }

  std::atomic<bool> is_on_{false};
  mutable Mutex mutex_;
  std::int64_t since_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::int64_t last_ms_ MINIKV_GUARDED_BY(mutex_) = 0;  // when the last write was refused
  std::uint64_t refused_ MINIKV_GUARDED_BY(mutex_) = 0;
  Status why_ MINIKV_GUARDED_BY(mutex_);
  bool was_taken_ MINIKV_GUARDED_BY(mutex_) = false;  // since the last write was refused
};

}  // namespace minikv::engine
