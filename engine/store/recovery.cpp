#include "engine/store/recovery.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "engine/store/file_check.h"
#include "engine/store/survey.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kClockJumpMs = 3'600'000;

}  // namespace

Result<Recovered> Recovery::run() {
  const std::int64_t started_ms = state_.clock.steady_ms();
  findings_.note_time(manifest_.engine_time_ms);
  auto removable = check_files(state_, manifest_);
  if (!removable) return removable.status();
  MINIKV_TRY(load_sealed_segments());
  MINIKV_TRY(load_logs());
  MINIKV_TRY(check_numbers_and_time());

  // From here on the store is known to open, and may be changed.
  for (const std::string& name : *removable) {
    state_.log.info("{}/{}: left over from work that was cut short; removed", state_.directory, name);
    MINIKV_TRY(state_.file_system.remove(state_.directory + "/" + name));
  }
  if (!removable->empty()) MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  for (Log& log : logs_) MINIKV_TRY(settle_log(log));
  state_.clock.resume(findings_.newest_time_ms(), manifest_.lead);
  result_.lost = findings_.finish(state_.clock.now_ms());

  result_.next_sequence = manifest_.clean_sequence != 0 ? manifest_.clean_sequence : manifest_.seq_limit;
  result_.manifest = std::move(manifest_);
  state_.counters.recovery_ms.store(static_cast<std::uint64_t>(state_.clock.steady_ms() - started_ms));
  return std::move(result_);
}

Status Recovery::check_numbers_and_time() const {
  const std::uint64_t next = manifest_.clean_sequence != 0 ? manifest_.clean_sequence : manifest_.seq_limit;
  if (findings_.newest_sequence() >= next) {
    return {
        StatusCode::kRefused,
        fmt::format(
            "{}: the manifest says that no sequence from {} on was used, and a record has {}: the manifest "
            "is from another moment than the segments; restore the directory from a backup",
            state_.directory, next, findings_.newest_sequence())};
  }
  // What is on record was accepted, or seen to come about.
  const TimeLead& lead = manifest_.lead.lead;
  const std::int64_t known_ms = lead.exists() ? lead.engine_ms - lead.wall_ms : 0;
  const std::int64_t ahead_ms = std::min(findings_.newest_time_ms(), kLatestMs) - state_.clock.wall_ms();
  if (ahead_ms > known_ms + kClockJumpMs && !state_.options.accept_clock_jump) {
    return {
        StatusCode::kRefused,
        fmt::format(
            "{}: the store's last recorded time is {} s ahead of this machine's clock, so that keys would "
            "expire late: set the clock right, or accept it with --accept-clock-jump",
            state_.directory, ahead_ms / 1000)};
  }
  return {};
}

Result<std::unique_ptr<Segment>> Recovery::open(const ManifestSegment& entry, bool writable) {
  const std::string path = state_.path_of(entry.id);
  const SegmentIdentity identity{entry.id, entry.salt};
  const std::uint64_t length = writable ? log_map_bytes(state_.options) : entry.size;
  auto segment = open_segment(*state_.open_files, path, writable ? OpenMode::kReadWrite : OpenMode::kRead,
                              identity, entry.kind, std::max<std::uint64_t>(length, sizeof(SegmentHeader)));
  if (!segment) return segment.status();
  // The manifest knows all that the header says, so a rotten header costs nothing; one that is sound and speaks of
  // another segment is somebody else's file.
  SegmentHeader header{};
  std::string bytes(sizeof(header), '\0');
  if (!(*segment)->file().read(0, bytes)) {
    state_.log.error("{}: the file ends within its header", path);
    return segment;
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (!segment_header_checks_out(header)) {
    state_.log.warn("{}: the header is damaged; what it says is known from the manifest", path);
    return segment;
  }
  if (header.segment_id != entry.id || header.salt != entry.salt || header.kind != entry.kind ||
      std::memcmp(header.store_id, manifest_.store_id, sizeof(header.store_id)) != 0) {
    return {
        StatusCode::kRefused,
        fmt::format("{}: belongs to another store or to another life of this one: put the right file back",
                    path)};
  }
  return segment;
}

// Why a file that is shorter than the manifest says is refused.
Status Recovery::cut_short(const ManifestSegment& entry, std::uint64_t file_bytes) const {
  return {
      StatusCode::kRefused,
      fmt::format(
          "{}: has {} bytes, and the manifest knows of {}: it was cut, or copied in part: copy it again, "
          "restore "
          "the directory from a backup, save what is there with \"minikvd repair\", or accept the loss with "
          "--accept-data-loss (older values of keys may come back)",
          state_.path_of(entry.id), file_bytes, entry.size)};
}

void Recovery::tell_cut(const ManifestSegment& entry, std::uint64_t file_bytes) const {
  state_.log.error(
      "{}: has {} bytes of {}; opened all the same, as was asked for: older values of keys may have come "
      "back",
      state_.path_of(entry.id), file_bytes, entry.size);
}

// Goes on behind damage, if all that is damaged has a name, or if the loss is accepted.
Status Recovery::step_over_damage(Scan& scan, const FrameAt& frame, std::uint64_t& offset) {
  SegmentReader& reader = scan.reader;
  const SegmentIdentity& identity = scan.segment.identity();
  const bool is_frame = frame.kind == FrameAt::Kind::kDamaged;
  if (is_frame) MINIKV_TRY(take_frame(scan, frame));
  if (is_frame && frame.body.names_all) {
    offset = frame.end;
    return {};
  }
  MINIKV_TRY(unnamed_damage(scan, offset));
  offset += kAlignment;
  // Records name themselves: those behind the damage are found one by one up to the next frame.
  auto next = find_frame(reader, identity, offset, [](const FrameHeader&) { return true; });
  if (!next) return next.status();
  const std::uint64_t end = *next ? **next : reader.size();
  while (offset < end) {
    auto bytes = reader.bytes(offset, end - offset);
    if (!bytes) return bytes.status();
    if (const auto record = parse_record(*bytes, identity, offset)) {
      MINIKV_TRY(take_record(scan, *record));
      scan.findings.flush();
      offset += record->bytes();
    } else if (const auto cut = parse_cut_record(*bytes, identity, offset); cut && end == reader.size()) {
      MINIKV_TRY(take_record(scan, *cut));
      scan.findings.flush();
      offset = end;
    } else {
      offset += kAlignment;
    }
  }
  offset = end;
  return {};
}

Status Recovery::take_frame(Scan& scan, const FrameAt& frame) {
  scan.findings.note_time(frame.header.engine_time_ms);
  for (const RecordView& record : frame.body.records) MINIKV_TRY(take_record(scan, record));
  scan.findings.flush();
  return {};
}

Status Recovery::take_record(Scan& scan, const RecordView& record) {
  const Status taken = scan.findings.take(scan.segment, record);
  return taken.code() == StatusCode::kCorruption ? unnamed_damage(scan, record.offset) : taken;
}

Status Recovery::unnamed_damage(Scan& scan, std::uint64_t offset) {
  const Segment& segment = scan.segment;
  if (!std::exchange(scan.has_loss, true) && scan.accepted_loss != 0) {
    const auto survey = survey_segment(segment.file(), segment.identity(), scan.reader.size());
    if (!survey) return survey.status();
    scan.is_known_loss = survey->loss == scan.accepted_loss;
    if (scan.is_known_loss) {
      state_.log.warn(
          "{}: a part of it can't be read; an earlier start has accepted that, and compaction gives it up",
          segment.path());
    }
  }
  if (scan.is_known_loss) return {};
  if (state_.options.accept_data_loss) {
    state_.log.error(
        "{}: damage at offset {} that can't be told to be of which key; opened all the same, as was asked "
        "for: older values of keys may have come back",
        segment.path(), offset);
    return {};
  }
  return {
      StatusCode::kRefused,
      fmt::format(
          "{}: damaged at offset {}, and it can't be told which keys that concerns: restore the directory "
          "from a backup, or accept the loss with --accept-data-loss (older values of the keys concerned "
          "may come back)",
          segment.path(), offset)};
}

void Recovery::share(std::unique_ptr<Segment> segment) {
  state_.lock.assert_alone();
  const auto id = static_cast<std::uint32_t>(segment->id());
  segment->file().settle();
  state_.segments.emplace(id, share_segment(std::move(segment), state_.graveyard));
}

}  // namespace minikv::engine
