// Frames, and what can be read of damaged ones.
#include "engine/recovery/frame_loader.h"

#include <utility>

#include <fmt/format.h>

#include "engine/segment/survey.h"

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
  if (damaged.has_header()) MINIKV_TRY(load(damaged));
  if (damaged.has_all_names()) {
    cursor.move_to(damaged.end);
    return {};
  }
  MINIKV_TRY(accept_unnamed_damage(cursor.offset()));
  // Each record names itself, so that those behind the damage are found one by one up to the next frame.
  auto next = cursor.find_next_header();
  if (!next) return next.status();
  const bool is_last = *next == cursor.reader().size();
  for (std::uint64_t offset = cursor.offset() + kAlignment; offset < *next;) {
    auto bytes = cursor.reader().bytes(offset, *next - offset);
    if (!bytes) return bytes.status();
    if (const auto record = parse_record(*bytes, segment_.identity(), offset)) {
      MINIKV_TRY(load(*record));
      records_.flush();
      offset += record->bytes();
    } else if (const auto cut = parse_cut_record(*bytes, segment_.identity(), offset); cut && is_last) {
      MINIKV_TRY(load(*cut));
      records_.flush();
      break;
    } else {
      offset += kAlignment;
    }
  }
  cursor.move_to(*next);
  return {};
}

Status FrameLoader::accept_unnamed_damage(std::uint64_t offset) {
  if (!std::exchange(has_loss_, true) && accepted_loss_ != 0) MINIKV_TRY(compare_with_accepted_loss());
  if (is_known_loss_) return {};
  if (context_.options.accept_data_loss) {
    context_.log.error(
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

Status FrameLoader::compare_with_accepted_loss() {
  MINIKV_ASSIGN_OR_RETURN(const Survey survey, survey_segment(segment_.file(), segment_.identity(), bytes_));
  is_known_loss_ = survey.loss == accepted_loss_;
  if (is_known_loss_) {
    context_.log.warn(
        "{}: a part of it can't be read; an earlier start has accepted that, and compaction gives it up",
        segment_.path());
  }
  return {};
}

}  // namespace minikv::engine
