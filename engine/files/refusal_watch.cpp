// What is logged of a full disk, and of writes that fail for another reason.
#include "engine/files/refusal_watch.h"

#include <string>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

constexpr std::int64_t kLookEveryMs = 1000;

}  // namespace

void RefusalWatch::note_opened_full(const DiskRoom& room, const Status& why) const {
  context_.full_disk.note_no_room(context_.clock.steady_ms());
  const std::string reason = why ? std::string() : fmt::format(" ({})", why.message());
  context_.log.warn(
      "{}: the disk is full: opened for reading and deleting; {} bytes are free, {} are kept for deletes{}",
      context_.directory, room.free_bytes, room.reserve_bytes, reason);
}

void RefusalWatch::note_refused(const Status& why) {
  const std::int64_t now_ms = context_.clock.steady_ms();
  if (why.code() == StatusCode::kDiskFull) {
    if (!context_.full_disk.note_refused(now_ms)) return;
    const DiskRoom now = spare_.room();
    context_.log.warn(
        "{}: the disk is full: writes that take room are refused, reads and deletes go on; {} bytes are "
        "free, {} are kept for deletes and compaction ({})",
        context_.directory, now.free_bytes, now.reserve_bytes, why.message());
  } else {
    if (context_.health.is_read_only() || !context_.failing_writes.note_refused(now_ms, why)) return;
    context_.log.warn("{}: writes are refused, reads go on; it is tried again with each write: {}",
                      context_.directory, why.message());
  }
  MutexLock lock(monitor_.mutex());
  next_look_ms_ = now_ms + kLookEveryMs;
  monitor_.notify_all();
}

void RefusalWatch::note_taken() {
  if (context_.full_disk.is_on()) context_.full_disk.note_taken();
  if (context_.failing_writes.is_on()) context_.failing_writes.note_taken();
}

bool RefusalWatch::is_look_due() const {
  return are_writes_refused() && !monitor_.is_stopping() && context_.clock.steady_ms() >= next_look_ms_;
}

std::optional<std::int64_t> RefusalWatch::next_look_ms() const {
  if (!are_writes_refused()) return std::nullopt;
  return next_look_ms_;
}

void RefusalWatch::look() {
  const std::int64_t now_ms = context_.clock.steady_ms();
  if (const auto over = context_.failing_writes.look(now_ms, spare_.is_ready())) {
    context_.log.warn("{}: writes are taken again after {} s; {} were refused meanwhile", context_.directory,
                      over->duration_ms / 1000, over->refused);
  }
  if (const auto over = context_.full_disk.look(now_ms, !disk_.is_tight())) {
    context_.log.warn(
        "{}: the disk has room again after {} s; {} writes were refused meanwhile, {} bytes are free",
        context_.directory, over->duration_ms / 1000, over->refused, spare_.room().free_bytes);
  }
  MutexLock lock(monitor_.mutex());
  next_look_ms_ = now_ms + kLookEveryMs;
}

}  // namespace minikv::engine
