// Frames, and what can be read of damaged ones.
#include "engine/recovery/frame_loader.h"

#include <fmt/format.h>

namespace minikv::engine {

Status FrameLoader::load(const FrameAt& frame) {
  records_.note_time(frame.header.engine_time_ms);
  for (const RecordView& record : frame.body.records) MINIKV_TRY(load(record));
  records_.flush();
  return {};
}

Status FrameLoader::load(const RecordView& record) {
  const Status taken = records_.take(segment_, record);
  return taken.code() == StatusCode::kCorruption ? accept_unnamed_damage(record.offset) : taken;
}

Status FrameLoader::step_over(FrameCursor& cursor, const FrameAt& damaged) {
  if (damaged.has_all_names()) {
    MINIKV_TRY(load(damaged));
    cursor.move_to(damaged.end);
    return {};
  }
  MINIKV_TRY(accept_unnamed_damage(cursor.offset()));
  if (damaged.has_header()) MINIKV_TRY(load(damaged));
  // Records name themselves: those behind the damage are found one by one up to the next frame.
  auto next = cursor.find_next_header();
  if (!next) return next.status();
  for (std::uint64_t offset = cursor.offset() + kAlignment; offset < *next;) {
    auto bytes = cursor.reader().bytes(offset, *next - offset);
    if (!bytes) return bytes.status();
    if (const auto record = parse_record(*bytes, segment_.identity(), offset)) {
      MINIKV_TRY(load(*record));
      records_.flush();
      offset += record->bytes();
    } else {
      offset += kAlignment;
    }
  }
  cursor.move_to(*next);
  return {};
}

Status FrameLoader::accept_unnamed_damage(std::uint64_t offset) const {
  if (state_.options.accept_data_loss) {
    state_.log.error(
        "{}: damage at offset {} that can't be told to be of which key; opened all the same, as was asked "
        "for: older values of keys may have come back",
        segment_.path(), offset);
    return {};
  }
  return {
      StatusCode::kRefused,
      fmt::format(
          "{}: damaged at offset {}, and it can't be told which keys that concerns: restore the directory "
          "from a backup, or accept the loss with --accept-data-loss (older values of the keys concerned "
          "may come back)",
          segment_.path(), offset)};
}

}  // namespace minikv::engine
