// What is told of a full disk.
#include "engine/files/disk_watch.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kLookEveryMs = 1000;

}  // namespace

void DiskWatch::note_opened_full(const DiskRoom& room) const {
  state_.full_disk.note_no_room(state_.clock.steady_ms());
  state_.log.warn(
      "{}: the disk is full: opened for reading and deleting; {} bytes are free, {} are kept for deletes",
      state_.directory, room.free_bytes, room.reserve_bytes);
}

void DiskWatch::note_refused(const Status& why) {
  if (!state_.full_disk.note_refused(state_.clock.steady_ms())) return;
  const DiskRoom now = spare_.room();
  state_.log.warn(
      "{}: the disk is full: writes that take room are refused, reads and deletes go on; {} bytes are free, "
      "{} are kept "
      "for deletes and compaction ({})",
      state_.directory, now.free_bytes, now.reserve_bytes, why.message());
  MutexLock lock(monitor_.mutex());
  next_look_ms_ = state_.clock.steady_ms() + kLookEveryMs;
  monitor_.notify_all();
}

void DiskWatch::note_taken() {
  if (state_.full_disk.is_full()) state_.full_disk.note_taken();
}

bool DiskWatch::is_look_due() const {
  return state_.full_disk.is_full() && !monitor_.is_stopping() && state_.clock.steady_ms() >= next_look_ms_;
}

std::optional<std::int64_t> DiskWatch::next_look_ms() const {
  if (!state_.full_disk.is_full()) return std::nullopt;
  return next_look_ms_;
}

void DiskWatch::look() {
  const std::int64_t now_ms = state_.clock.steady_ms();
  const auto over = state_.full_disk.look(now_ms, !disk_.is_tight());
  if (over) {
    state_.log.warn(
        "{}: the disk has room again after {} s; {} writes were refused meanwhile, {} bytes are free",
        state_.directory, over->duration_ms / 1000, over->refused, spare_.room().free_bytes);
  }
  MutexLock lock(monitor_.mutex());
  next_look_ms_ = now_ms + kLookEveryMs;
}

}  // namespace minikv::engine
