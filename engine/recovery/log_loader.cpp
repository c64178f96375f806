// The log's end: scanned, judged, and cut or sealed.
#include "engine/recovery/log_loader.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "engine/recovery/frame_loader.h"
#include "engine/recovery/segment_check.h"
#include "engine/segment/survey.h"

namespace minikv::engine {
namespace {

void note_sequences(const FrameAt& frame, std::uint64_t& min_seq, std::uint64_t& max_seq) {
  for (const RecordView& record : frame.body.records) {
    const std::uint64_t sequence = record.header.sequence;
    min_seq = min_seq == 0 ? sequence : std::min(min_seq, sequence);
    max_seq = std::max(max_seq, sequence);
  }
}

}  // namespace

Status LogLoader::open_all() {
  for (const SegmentState wanted : {SegmentState::kActive, SegmentState::kSpare}) {
    for (ManifestSegment& entry : manifest_.segments) {
      if (entry.state == wanted && entry.kind == SegmentKind::kLog) MINIKV_TRY(open(entry));
    }
  }
  return {};
}

Status LogLoader::open(ManifestSegment& entry) {
  Log log;
  log.entry = &entry;
  auto segment = open_named_segment(state_, manifest_, entry, true);
  if (!segment) return segment.status();
  log.segment = std::move(*segment);
  // Recovery must judge what the disk holds, and not cached writes that never arrived there.
  MINIKV_TRY(log.segment->file().sync());
  log.segment->file().drop_cache();
  auto size = log.segment->file().size();
  if (!size) return size.status();
  log.file_size = *size;
  MINIKV_TRY(check_length(entry, *size));
  logs_.push_back(std::move(log));
  return {};
}

Status LogLoader::load() {
  assert(stage_ == Stage::kMade);
  stage_ = Stage::kLoaded;
  MINIKV_TRY(open_all());
  std::vector<Log*> later;
  for (Log& log : logs_) later.push_back(&log);
  bool predecessor_is_whole = true;
  std::uint64_t expected = 0;
  for (Log& log : logs_) {
    later.erase(later.begin());
    // Of a spare in use the manifest knows only that it comes behind the segment before it.
    if (log.entry->state == SegmentState::kActive) expected = log.entry->min_seq;
    if (log.entry->state == SegmentState::kSpare && manifest_.clean_sequence != 0) {
      // After a close in order nothing was ever written to a spare, so that it need not be read.
      log.end = log.data_end = sizeof(SegmentHeader);
    } else if (predecessor_is_whole) {
      MINIKV_TRY(scan(log, expected, later));
    } else {
      log.end = sizeof(SegmentHeader);
      SegmentReader reader(log.segment->file(), log.file_size);
      MINIKV_TRY(find_data_end(log, reader));
    }
    if (log.max_seq != 0) expected = log.max_seq + 1;
    predecessor_is_whole = predecessor_is_whole && (log.is_complete || log.data_end <= log.end);
  }
  return {};
}

// No crash leaves a file that is shorter than the manifest says. Only versions without the feature of lengths
// have cut a log segment before the manifest said so.
Status LogLoader::check_length(const ManifestSegment& entry, std::uint64_t file_bytes) {
  if (file_bytes >= entry.size || !manifest_.knows_lengths()) return {};
  if (!state_.options.accept_data_loss) return cut_short(state_, entry, file_bytes);
  tell_accepted_cut(state_, entry, file_bytes);
  result_.accepted.push_back(state_.path_of(id_of(entry)));
  return {};
}

Status LogLoader::find_data_end(Log& log, SegmentReader& reader) {
  auto data_end = end_of_writes(reader, log.segment->identity(), log.segment->is_recycled(), log.end);
  if (!data_end) return data_end.status();
  log.data_end = *data_end;
  return {};
}

Status LogLoader::scan(Log& log, std::uint64_t expected, const std::vector<Log*>& later) {
  SegmentReader reader(log.segment->file(), log.file_size);
  FrameLoader loader(state_, *log.segment, log.file_size, records_);
  FrameCursor cursor(reader, log.segment->identity(),
                     std::min<std::uint64_t>(sizeof(SegmentHeader), log.file_size));
  log.end = cursor.offset();
  while (!cursor.is_at_end()) {
    auto frame = cursor.read();
    if (!frame) return frame.status();
    const bool follows = expected == 0 || frame->header.first_sequence == expected;
    if (frame->kind == FrameAt::Kind::kWhole && follows) {
      MINIKV_TRY(loader.load(*frame));
      note_sequences(*frame, log.min_seq, log.max_seq);
      cursor.move_to(frame->end);
      expected = frame->header.first_sequence + frame->header.record_count;
      log.end = cursor.offset();
      continue;
    }
    auto continued = continues_in(later, expected);
    if (!continued) return continued.status();
    log.is_complete = *continued;
    if (log.is_complete) break;
    auto covered = is_covered(log, cursor.offset(), expected, later);
    if (!covered) return covered.status();
    if (!*covered) break;
    // The frame had been synced: this is damage, not a torn write.
    if (frame->kind == FrameAt::Kind::kWhole) {
      MINIKV_TRY(loader.accept_unnamed_damage(cursor.offset()));  // what should stand before it is gone
      expected = frame->header.first_sequence;
      continue;
    }
    MINIKV_TRY(loader.step_over(cursor, *frame));
    if (log.min_seq == 0) log.min_seq = expected;
    expected = frame->has_all_names() && follows ? expected + frame->header.record_count : 0;
    log.max_seq = records_.newest_sequence();  // logs are read last, front to back
    log.end = cursor.offset();
  }
  log.has_loss = loader.has_new_loss();
  return find_data_end(log, reader);
}

// Whether the writer went on in the next segment with sequence `expected`. Then no frame is missing before
// it, although the frames there say that all before them was durable.
Result<bool> LogLoader::continues_in(const std::vector<Log*>& later, std::uint64_t expected) {
  if (later.empty()) return false;
  const Log& next = *later.front();
  SegmentReader reader(next.segment->file(), next.file_size);
  auto head = reader.bytes(sizeof(SegmentHeader), sizeof(FrameHeader));
  if (!head) return head.status();
  const auto header = parse_frame_header(*head, next.segment->identity(), sizeof(SegmentHeader));
  return header && header->first_sequence == expected;
}

// Whether a later frame says that the frame at `offset`, beginning with sequence `expected`, had been synced.
Result<bool> LogLoader::is_covered(const Log& log, std::uint64_t offset, std::uint64_t expected,
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

Status LogLoader::cut_and_seal() {
  assert(stage_ == Stage::kLoaded);
  stage_ = Stage::kSealed;
  for (Log& log : logs_) MINIKV_TRY(cut_and_seal(log));
  return {};
}

// Seals the good frames of a log segment; a blank one is the next incarnation's spare.
Status LogLoader::cut_and_seal(Log& log) {
  ManifestSegment& entry = *log.entry;
  const bool is_torn = log.data_end > log.end;
  const bool has_frames = log.end > sizeof(SegmentHeader);
  // After a crash a write may have left parts of a frame in a recycled file, which don't show.
  const bool is_blank =
      !is_torn && !has_frames && (!log.segment->is_recycled() || manifest_.clean_sequence != 0);
  if (is_blank && log.file_size >= state_.options.segment_size && !result_.spare) {
    log.segment->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);
    entry.state = SegmentState::kSpare;
    entry.min_seq = 0;
    entry.size = std::min(entry.size, log.file_size);
    result_.spare = share_segment(std::move(log.segment), state_.graveyard);
    return {};
  }
  if (is_torn) MINIKV_TRY(keep_aside(log));
  if (log.max_seq == 0) {
    entry.state = SegmentState::kDropped;
    return {};
  }
  const std::uint64_t size = std::max<std::uint64_t>(log.end, sizeof(SegmentHeader));
  if (log.file_size > size) result_.overlong.push_back({id_of(entry), size});
  entry.state = SegmentState::kSealed;
  entry.size = size;
  entry.min_seq = log.min_seq;
  entry.max_seq = log.max_seq;
  log.segment->used_bytes.store(size, std::memory_order_relaxed);
  if (log.has_loss) {
    MINIKV_ASSIGN_OR_RETURN(const Survey survey,
                            survey_segment(log.segment->file(), log.segment->identity(), size));
    entry.accepted_loss = std::max<std::uint32_t>(survey.loss, 1);
    result_.accepted.push_back(log.segment->path());
  } else {
    result_.without_hint.push_back(entry);
  }
  add_to_store(state_, std::move(log.segment));
  return {};
}

Status LogLoader::keep_aside(const Log& log) {
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
  // A store opens on a full disk, even if the tail can't be kept.
  Status kept = copy_tail(log, path);
  if (kept.code() != StatusCode::kDiskFull) return kept;
  state_.log.warn("{}: no room to keep all of it: {}", path, kept.message());
  return {};
}

Status LogLoader::copy_tail(const Log& log, const std::string& path) {
  auto file = state_.file_system.open(path, OpenMode::kCreate);
  if (!file) return file.status();
  const std::uint64_t bytes = log.data_end - log.end;
  std::string piece;
  Status written;
  for (std::uint64_t done = 0; done < bytes && written; done += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min(bytes - done, kMiB)));
    MINIKV_TRY(log.segment->file().read(log.end + done, piece));
    written = (*file)->write(done, std::array{std::string_view(piece)});
  }
  if (!written && written.code() != StatusCode::kDiskFull) return written;
  MINIKV_TRY((*file)->sync());
  MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  return written;
}

}  // namespace minikv::engine
