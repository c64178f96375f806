#include "engine/store/recovery.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "engine/store/file_check.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kClockJumpMs = 3'600'000;

Place place_of(const RecordView& record, const Segment& segment) {
  Place place;
  place.sequence = record.header.sequence;
  place.version = record.header.version;
  place.offset = record.offset;
  place.segment = static_cast<std::uint32_t>(segment.id());
  place.value_bytes = static_cast<std::uint32_t>(record.value.size());
  place.expiry_ms = record.header.expiry_ms;
  return place;
}

}  // namespace

Result<Recovered> Recovery::run() {
  const std::int64_t started_ms = state_.clock.steady_ms();
  newest_time_ms_ = manifest_.engine_time_ms;
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
  MINIKV_TRY(finish_index());
  state_.clock.raise_to(newest_time_ms_);

  result_.next_sequence = manifest_.clean_sequence != 0 ? manifest_.clean_sequence : manifest_.seq_limit;
  result_.manifest = std::move(manifest_);
  state_.counters.recovery_ms.store(static_cast<std::uint64_t>(state_.clock.steady_ms() - started_ms));
  return std::move(result_);
}

Status Recovery::load_sealed_segments() {
  std::size_t loaded = 0;
  std::int64_t told_ms = state_.clock.steady_ms();
  for (ManifestSegment& entry : manifest_.segments) {
    if (entry.state != SegmentState::kSealed) continue;
    MINIKV_TRY(load_sealed(entry));
    ++loaded;
    if (const std::int64_t now = state_.clock.steady_ms(); now - told_ms >= 1000) {
      told_ms = now;
      state_.log.info("recovery: {} of {} segments read", loaded, manifest_.segments.size());
    }
  }
  return {};
}

Status Recovery::check_numbers_and_time() const {
  const std::uint64_t next = manifest_.clean_sequence != 0 ? manifest_.clean_sequence : manifest_.seq_limit;
  if (newest_sequence_ >= next) {
    return {
        StatusCode::kRefused,
        fmt::format(
            "{}: the manifest says that no sequence from {} on was used, and a record has {}: the manifest "
            "is from another moment than the segments; restore the directory from a backup",
            state_.directory, next, newest_sequence_)};
  }
  const std::int64_t ahead_ms = newest_time_ms_ - state_.clock.wall_ms();
  if (ahead_ms > kClockJumpMs && !state_.options.accept_clock_jump) {
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
  auto segment = open_segment(state_.file_system, path, writable ? OpenMode::kReadWrite : OpenMode::kRead,
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

// ---- sealed segments: every byte has been durable, so whatever does not check out is damage ----

Status Recovery::load_sealed(ManifestSegment& entry) {
  auto opened = open(entry, false);
  if (!opened) return opened.status();
  Segment& segment = **opened;
  auto size = segment.file().size();
  if (!size) return size.status();
  if (*size < entry.size) {
    MINIKV_TRY(unnamed_damage(segment, *size));
  }
  SegmentReader reader(segment.file(), std::min(*size, entry.size));
  std::uint64_t min_seq = 0, max_seq = 0;
  for (std::uint64_t offset = sizeof(SegmentHeader); offset < reader.size();) {
    auto frame = read_frame(reader, segment.identity(), offset);
    if (!frame) return frame.status();
    if (frame->kind == FrameAt::Kind::kWhole) {
      take_frame(segment, *frame, min_seq, max_seq);
      offset = frame->end;
    } else {
      MINIKV_TRY(step_over_damage(reader, segment, *frame, offset));
    }
    if (!problem_) return problem_;
  }
  segment.used_bytes.store(entry.size, std::memory_order_relaxed);
  share(std::move(*opened));
  return {};
}

// Goes on behind damage, if all that is damaged has a name, or if the loss is accepted.
Status Recovery::step_over_damage(SegmentReader& reader, const Segment& segment, const FrameAt& frame,
                                  std::uint64_t& offset) {
  if (frame.kind == FrameAt::Kind::kDamaged) {
    if (!frame.body.names_all) MINIKV_TRY(unnamed_damage(segment, offset));
    std::uint64_t min_seq = 0, max_seq = 0;
    take_frame(segment, frame, min_seq, max_seq);
    offset = frame.body.names_all ? frame.end : offset + kAlignment;
  } else {
    MINIKV_TRY(unnamed_damage(segment, offset));
    offset += kAlignment;
  }
  if (frame.kind == FrameAt::Kind::kDamaged && frame.body.names_all) return {};
  // Records name themselves: those behind the damage are found one by one up to the next frame.
  auto next = find_frame(reader, segment.identity(), offset, [](const FrameHeader&) { return true; });
  if (!next) return next.status();
  const std::uint64_t end = *next ? **next : reader.size();
  while (offset < end) {
    auto bytes = reader.bytes(offset, end - offset);
    if (!bytes) return bytes.status();
    if (const auto record = parse_record(*bytes, segment.identity(), offset)) {
      MINIKV_TRY(take_record(segment, *record));
      offset += record->bytes();
    } else {
      offset += kAlignment;
    }
  }
  offset = end;
  return {};
}

Status Recovery::unnamed_damage(const Segment& segment, std::uint64_t offset) {
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

// ---- log segments: what was written last may be torn ----

Status Recovery::load_logs() {
  for (const SegmentState wanted : {SegmentState::kActive, SegmentState::kSpare}) {
    for (ManifestSegment& entry : manifest_.segments) {
      if (entry.state != wanted || entry.kind != SegmentKind::kLog) continue;
      Log log;
      log.entry = &entry;
      auto segment = open(entry, true);
      if (!segment) return segment.status();
      log.segment = std::move(*segment);
      // What is judged must be what the disk holds, not what memory remembers of writes that never arrived.
      MINIKV_TRY(log.segment->file().sync());
      log.segment->file().drop_cache();
      auto size = log.segment->file().size();
      if (!size) return size.status();
      log.file_size = *size;
      logs_.push_back(std::move(log));
    }
  }
  std::vector<Log*> later;
  for (Log& log : logs_) later.push_back(&log);
  bool predecessor_is_whole = true;
  std::uint64_t expected = 0;
  for (Log& log : logs_) {
    later.erase(later.begin());
    // Of a spare in use the manifest knows only its place behind the segment before it.
    if (log.entry->state == SegmentState::kActive) expected = log.entry->min_seq;
    if (predecessor_is_whole) {
      MINIKV_TRY(scan_log(log, expected, later));
    } else {
      log.end = sizeof(SegmentHeader);
      SegmentReader reader(log.segment->file(), log.file_size);
      auto data_end = end_of_data(reader, log.end);
      if (!data_end) return data_end.status();
      log.data_end = *data_end;
    }
    if (log.max_seq != 0) expected = log.max_seq + 1;
    predecessor_is_whole = predecessor_is_whole && (log.is_complete || log.data_end <= log.end);
  }
  return {};
}

Status Recovery::scan_log(Log& log, std::uint64_t expected, const std::vector<Log*>& later) {
  SegmentReader reader(log.segment->file(), log.file_size);
  const SegmentIdentity& identity = log.segment->identity();
  std::uint64_t offset = std::min<std::uint64_t>(sizeof(SegmentHeader), log.file_size);
  log.end = offset;
  while (offset < log.file_size) {
    auto frame = read_frame(reader, identity, offset);
    if (!frame) return frame.status();
    const bool follows = expected == 0 || frame->header.first_sequence == expected;
    if (frame->kind == FrameAt::Kind::kWhole && follows) {
      take_frame(*log.segment, *frame, log.min_seq, log.max_seq);
      if (!problem_) return problem_;
      offset = frame->end;
      expected = frame->header.first_sequence + frame->header.record_count;
      log.end = offset;
      continue;
    }
    auto continued = continues_in(later, expected);
    if (!continued) return continued.status();
    log.is_complete = *continued;
    if (log.is_complete) break;
    auto covered = is_covered(log, offset, expected, later);
    if (!covered) return covered.status();
    if (!*covered) break;
    // It had been synced: this is damage, not a torn write.
    if (frame->kind == FrameAt::Kind::kWhole) {
      MINIKV_TRY(unnamed_damage(*log.segment, offset));  // what should stand before it is gone
      expected = frame->header.first_sequence;
      continue;
    }
    const bool knows_end = frame->kind == FrameAt::Kind::kDamaged && frame->body.names_all && follows;
    auto again = read_frame(reader, identity, offset);  // the look ahead has moved the reader's window
    if (!again) return again.status();
    MINIKV_TRY(step_over_damage(reader, *log.segment, *again, offset));
    if (!problem_) return problem_;
    if (log.min_seq == 0) log.min_seq = expected;
    expected = knows_end ? expected + frame->header.record_count : 0;
    log.max_seq = newest_sequence_;  // logs are read last, front to back
    log.end = offset;
  }
  auto data_end = end_of_data(reader, log.end);
  if (!data_end) return data_end.status();
  log.data_end = *data_end;
  return {};
}

// Whether the writer went on in the next segment with sequence `expected`: then nothing is missing before it, although
// the frames there say that all before them was durable.
Result<bool> Recovery::continues_in(const std::vector<Log*>& later, std::uint64_t expected) {
  if (later.empty()) return false;
  const Log& next = *later.front();
  SegmentReader reader(next.segment->file(), next.file_size);
  auto head = reader.bytes(sizeof(SegmentHeader), sizeof(FrameHeader));
  if (!head) return head.status();
  const auto header = parse_frame_header(*head, next.segment->identity(), sizeof(SegmentHeader));
  return header && header->first_sequence == expected;
}

// Whether a later frame says that what should stand at `offset`, beginning with sequence `expected`, had been synced.
Result<bool> Recovery::is_covered(Log& log, std::uint64_t offset, std::uint64_t expected,
                                  const std::vector<Log*>& later) {
  const auto covers = [expected](const FrameHeader& header) {
    return header.watermark >= expected && header.watermark != 0;
  };
  SegmentReader reader(log.segment->file(), log.file_size);
  auto found = find_frame(reader, log.segment->identity(), offset + kAlignment, covers);
  if (!found) return found.status();
  if (*found) return true;
  for (Log* other : later) {
    SegmentReader other_reader(other->segment->file(), other->file_size);
    found = find_frame(other_reader, other->segment->identity(), sizeof(SegmentHeader), covers);
    if (!found) return found.status();
    if (*found) return true;
  }
  return false;
}

// Cuts a log segment to its good frames and seals it; a blank one is the next life's spare.
Status Recovery::settle_log(Log& log) {
  ManifestSegment& entry = *log.entry;
  const bool is_torn = log.data_end > log.end;
  const bool has_frames = log.end > sizeof(SegmentHeader);
  if (!is_torn && !has_frames && log.file_size >= state_.options.segment_size && !result_.spare) {
    log.segment->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);
    entry.state = SegmentState::kSpare;
    entry.min_seq = 0;
    result_.spare = share_segment(std::move(log.segment), state_.graveyard);
    return {};
  }
  if (is_torn) MINIKV_TRY(keep_aside(log));
  const std::uint64_t size = std::max<std::uint64_t>(log.end, sizeof(SegmentHeader));
  if (log.file_size > size) {
    MINIKV_TRY(log.segment->file().truncate(size));
    MINIKV_TRY(log.segment->file().sync());
  }
  if (log.max_seq == 0) {
    entry.state = SegmentState::kDropped;
    return {};
  }
  entry.state = SegmentState::kSealed;
  entry.size = size;
  entry.min_seq = log.min_seq;
  entry.max_seq = log.max_seq;
  log.segment->used_bytes.store(size, std::memory_order_relaxed);
  share(std::move(log.segment));
  return {};
}

Status Recovery::keep_aside(Log& log) {
  const std::uint64_t bytes = log.data_end - log.end;
  const std::string path = fmt::format("{}/segment-{:08}-{}.cut", state_.directory, log.entry->id, log.end);
  state_.log.error(
      "{}: {} bytes from offset {} on are no whole group and were never acknowledged as durable: cut, and "
      "kept in {}",
      log.segment->path(), bytes, log.end, path);
  state_.counters.cut_bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (Status removed = state_.file_system.remove(path); !removed && removed.code() != StatusCode::kNotFound) {
    return removed;
  }
  auto file = state_.file_system.open(path, OpenMode::kCreate);
  if (!file) return file.status();
  std::string piece;
  for (std::uint64_t done = 0; done < bytes; done += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min(bytes - done, kMiB)));
    MINIKV_TRY(log.segment->file().read(log.end + done, piece));
    Status written = (*file)->write(done, std::array{std::string_view(piece)});
    if (written.code() == StatusCode::kDiskFull) {
      state_.log.warn("{}: no room to keep all of it: {}", path, written.message());
      break;
    }
    MINIKV_TRY(std::move(written));
  }
  MINIKV_TRY((*file)->sync());
  return state_.file_system.sync_dir(state_.directory);
}

// ---- records ----

void Recovery::take_frame(const Segment& segment, const FrameAt& frame, std::uint64_t& min_seq,
                          std::uint64_t& max_seq) {
  newest_time_ms_ = std::max(newest_time_ms_, frame.header.engine_time_ms);
  for (const RecordView& record : frame.body.records) {
    const std::uint64_t sequence = record.header.sequence;
    min_seq = min_seq == 0 ? sequence : std::min(min_seq, sequence);
    max_seq = std::max(max_seq, sequence);
    if (Status taken = take_record(segment, record); !taken && problem_) problem_ = taken;
  }
}

Status Recovery::take_record(const Segment& segment, const RecordView& record) {
  newest_sequence_ = std::max(newest_sequence_, record.header.sequence);
  if ((record.header.flags & ~kKnownRecordFlags) != 0) {
    return {StatusCode::kRefused,
            fmt::format("{} at offset {}: a record with flags {:#x}, which this minikv does not "
                        "know: use the version that wrote it, or a newer one",
                        segment.path(), record.offset, record.header.flags)};
  }
  Place place = place_of(record, segment);
  switch (record.header.type) {
    case RecordType::kPut:
      place.lost = !record.value_intact;
      if (place.lost) note_damage(segment, record);
      take_place(record.key, place);
      return {};
    case RecordType::kDelete:
      place.deleted = true;
      take_place(record.key, place);
      return {};
    case RecordType::kLost:
      place.sequence = place.version;  // that of the record which was lost
      place.lost = true;
      named_[std::string(record.key)] = std::max(named_[std::string(record.key)], place.sequence);
      take_place(record.key, place);
      return {};
    case RecordType::kExpire: {
      Expire& expire = expires_[std::string(record.key)];
      if (record.header.sequence > expire.sequence)
        expire = {record.header.sequence, record.header.expiry_ms};
      return {};
    }
    case RecordType::kRangeDelete: break;
  }
  return {
      StatusCode::kRefused,
      fmt::format(
          "{} at offset {}: a record of type {}, which this minikv does not know: use the version that wrote "
          "it, or a newer one",
          segment.path(), record.offset, static_cast<int>(record.header.type))};
}

void Recovery::note_damage(const Segment& segment, const RecordView& record) {
  state_.log.error(
      "{} at offset {}: the value of a key of {} bytes is damaged; the key answers CORRUPT until it is set "
      "or deleted",
      segment.path(), record.offset, record.key.size());
  LostKey& lost = damaged_[std::string(record.key)];
  if (lost.sequence <= record.header.sequence) {
    lost = {std::string(record.key), record.header.sequence, record.header.type};
  }
}

// By sequence the newest wins, in whatever order records are met. A `lost` record stands for the damaged one whose
// sequence it has, and wins over it.
void Recovery::take_place(std::string_view key, const Place& place) {
  state_.lock.assert_alone();
  const auto known = state_.index.find_loading(key);
  if (known && (known->sequence > place.sequence || (known->sequence == place.sequence && !place.lost)))
    return;
  state_.index.put_loading(key, place);
}

Status Recovery::finish_index() {
  state_.lock.assert_alone();
  for (const auto& [key, expire] : expires_) {
    auto place = state_.index.find_loading(key);
    // A later put would have a later sequence, and only a key that is there is ever given an expiry: so what is older
    // is the value that the expiry was given to.
    if (!place || place->deleted || place->sequence >= expire.sequence) continue;
    place->sequence = expire.sequence;
    place->expiry_ms = expire.expiry_ms;
    state_.index.put_loading(key, *place);
  }
  for (const auto& [key, lost] : damaged_) {
    const auto place = state_.index.find_loading(key);
    const auto named = named_.find(key);
    const bool has_a_name = named != named_.end() && named->second == lost.sequence;
    if (place && place->lost && place->sequence == lost.sequence && !has_a_name) result_.lost.push_back(lost);
  }
  state_.index.finish_loading();
  std::uint64_t lost_keys = 0;
  state_.index.walk(std::nullopt, [&](std::string_view key, const Place& place) {
    state_.lock.assert_alone();
    lost_keys += place.lost ? 1 : 0;
    state_.segments.find(place.segment)
        ->second->live_bytes.fetch_add(record_bytes(key.size(), place.value_bytes),
                                       std::memory_order_relaxed);
    return true;
  });
  state_.counters.lost_keys.store(lost_keys, std::memory_order_relaxed);
  return {};
}

void Recovery::share(std::unique_ptr<Segment> segment) {
  state_.lock.assert_alone();
  const auto id = static_cast<std::uint32_t>(segment->id());
  state_.segments.emplace(id, share_segment(std::move(segment), state_.graveyard));
}

}  // namespace minikv::engine
