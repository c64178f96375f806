// Judges the frames, records and gaps of one segment.
#include "engine/tools/segment_inspector.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/format/crc32c.h"

namespace minikv::engine {

SegmentInspector::SegmentInspector(Inspection& inspection, const SegmentFile& segment, SegmentHint* hint,
                                   std::uint64_t sequence_limit)
    : inspection_(inspection), segment_(segment), hint_(hint), sequence_limit_(sequence_limit) {
  if (is_log()) expected_ = segment.entry.min_seq;
}

Finding& SegmentInspector::report(FindingKind kind, Effect effect, std::uint64_t offset, std::uint64_t length,
                                  std::string what) {
  Finding finding{kind, effect, std::move(what), segment_.name};
  finding.has_offset = true;
  finding.offset = offset;
  finding.length = length;
  is_damaged_ = true;
  return inspection_.findings_.emplace_back(std::move(finding));
}

// ---- frames and records ----

void SegmentInspector::frame(std::uint64_t offset, const FrameAt& frame) {
  inspection_.report_progress(offset);
  InspectionSummary& summary = inspection_.summary_;
  ++summary.frames;
  summary.newest_time_ms = std::max(summary.newest_time_ms, frame.header.engine_time_ms);
  if (is_log()) follow(frame.header.first_sequence, offset);
  frame_end_ = frame.end;
  missing_in_frame_ = frame.header.record_count -
                      std::min<std::uint64_t>(frame.header.record_count, frame.body.records.size());
  if (inspection_.sink_ != nullptr) inspection_.sink_->frame(segment_, offset, frame);
}

void SegmentInspector::record(const RecordView& record, bool padding_is_zero) {
  if (is_log()) follow(record.header.sequence, record.offset);
  if (is_log()) expected_ = record.header.sequence + 1;
  judge_sequence(record);
  const RecordState state = judge(record);
  if (!padding_is_zero) {
    report(FindingKind::kPadding, Effect::kNothingLost,
           record.offset + sizeof(RecordHeader) + record.key.size() + record.value.size(), 0,
           "the zeros that fill a record up are no zeros any more");
  }
  if (!compare_with_hint(record, state)) return;
  if (inspection_.sink_ != nullptr) inspection_.sink_->record(segment_, record, state);
}

Finding& SegmentInspector::report_record(FindingKind kind, Effect effect, const RecordView& record,
                                         const char* what) {
  Finding& finding = report(kind, effect, record.offset, record.bytes(), what);
  finding.has_key = true;
  finding.key = record.key;
  finding.type = record.header.type;
  finding.first_sequence = finding.last_sequence = record.header.sequence;
  return finding;
}

RecordState SegmentInspector::judge(const RecordView& record) {
  InspectionSummary& summary = inspection_.summary_;
  ++summary.records;
  if ((record.header.flags & ~kKnownRecordFlags) != 0 || name_of(record.header.type) == "unknown") {
    report_record(
        FindingKind::kUnknownRecord, Effect::kNameless, record,
        "a record of a type or with flags that this minikv does not know: use the version that wrote it");
    return RecordState::kUnknown;
  }
  switch (record.header.type) {
    case RecordType::kPut: ++summary.puts; break;
    case RecordType::kDelete: ++summary.deletes; break;
    case RecordType::kExpire: ++summary.expires; break;
    case RecordType::kRangeDelete: ++summary.range_deletes; break;
    case RecordType::kLost: ++summary.lost; break;
  }
  if (record.header.type == RecordType::kLost) {
    const bool was_damaged = is_damaged_;
    Finding& finding = report_record(FindingKind::kLostKey, Effect::kKeyLost, record,
                                     "an earlier start found the key's record damaged");
    finding.first_sequence = finding.last_sequence = record.header.version;
    is_damaged_ = was_damaged;
  }
  if (record.value_intact) return RecordState::kGood;
  if (record.header.type == RecordType::kPut) {
    report_record(FindingKind::kDamagedValue, Effect::kKeyLost, record, "the value does not check out");
  } else if (record.header.type == RecordType::kRangeDelete && (!hint_ || !hint_->find(record.offset))) {
    report_record(FindingKind::kDamagedValue,
                  segment_.is_loss_accepted ? Effect::kAccepted : Effect::kNameless, record,
                  "the end of a deleted range does not check out; it begins at this key");
  } else {
    report_record(FindingKind::kDamagedValue, Effect::kNothingLost, record,
                  "the value does not check out, and what it said is known otherwise");
  }
  return RecordState::kDamagedValue;
}

// ---- the hint ----

// False: the record is left to its entry in the hint, which is sound.
bool SegmentInspector::compare_with_hint(const RecordView& record, RecordState state) {
  if (hint_ == nullptr) return true;
  const bool is_put = record.header.type == RecordType::kPut;
  if (state == RecordState::kDamagedValue && !is_put && hint_->find(record.offset) != nullptr) return false;
  if (!hint_->saw(record)) {
    report_record(
        FindingKind::kHint, Effect::kNothingLost, record,
        "the segment's hint does not say of this record what the segment does: remove the hint, it is only "
        "a cache");
  }
  return true;
}

// Reports a record that was not found in the segment.
void SegmentInspector::take_from_hint(const HintEntry& entry) {
  RecordView record{entry.header, entry.offset, entry.key, entry.value, true};
  std::string value;
  if (entry.header.type == RecordType::kPut) {
    // The record's value may be whole all the same.
    const std::uint64_t begin = entry.offset + sizeof(RecordHeader) + entry.key.size();
    const bool is_within = segment_.file && entry.offset < segment_.file_size &&
                           begin + entry.header.value_length <= segment_.file_size;
    if (is_within) value.resize(entry.header.value_length);
    record.value_intact =
        is_within && segment_.file->read(begin, value) && crc32c(value) == entry.header.value_checksum;
    record.value = value;
  }
  judge_sequence(record);
  report_record(FindingKind::kDamagedRecord, record.value_intact ? Effect::kNothingLost : Effect::kKeyLost,
                record,
                record.value_intact ? "a record does not check out; the segment's hint knows what it said"
                                    : "a record does not check out, the segment's hint has its key");
  if (inspection_.sink_ != nullptr) {
    inspection_.sink_->record(segment_, record,
                              record.value_intact ? RecordState::kFromHint : RecordState::kDamagedValue);
  }
}

// ---- sequences ----

void SegmentInspector::judge_sequence(const RecordView& record) {
  const std::uint64_t sequence = record.header.sequence;
  min_seq_ = min_seq_ == 0 ? sequence : std::min(min_seq_, sequence);
  max_seq_ = std::max(max_seq_, sequence);
  inspection_.summary_.newest_sequence = std::max(inspection_.summary_.newest_sequence, sequence);
  if (sequence_limit_ != 0 && sequence >= sequence_limit_) {
    report(
        FindingKind::kSequence, Effect::kBlocking, record.offset, record.bytes(),
        fmt::format(
            "the manifest says that no sequence from {} on was used, and this record has {}: the manifest is "
            "from another moment than the segments",
            sequence_limit_, sequence));
  }
  if (record.header.version > sequence) {
    report(
        FindingKind::kSequence, Effect::kNothingLost, record.offset, record.bytes(),
        fmt::format("a record with sequence {} and the later version {}", sequence, record.header.version));
  }
}

// Checks that `sequence` comes next in a log, and reports the gaps before it.
void SegmentInspector::follow(std::uint64_t sequence, std::uint64_t offset) {
  const std::uint64_t expected = std::exchange(expected_, sequence);
  if (expected == 0) return close_gaps(Effect::kNameless, 0, 0);
  if (sequence == expected) return close_gaps(Effect::kNothingLost, 0, 0);
  if (sequence > expected && !gaps_.empty()) return close_gaps(Effect::kNameless, expected, sequence - 1);
  Finding& finding = report(FindingKind::kSequence, Effect::kNameless, offset, 0,
                            fmt::format("sequence {} should come next, and {} does", expected, sequence));
  if (sequence > expected) {
    finding.first_sequence = expected;
    finding.last_sequence = sequence - 1;
  }
}

// ---- gaps ----

void SegmentInspector::gap(std::uint64_t begin, std::uint64_t end) {
  if (inspection_.sink_ != nullptr) inspection_.sink_->gap(segment_, begin, end);
  if (is_log()) return gaps_.push_back({begin, end});
  // A gap of the size of a frame header has room for nothing else. Within a frame the header's count says how
  // many records are missing.
  const bool is_frame_header = begin == frame_end_ && end - begin == sizeof(FrameHeader);
  const bool is_in_frame = begin < frame_end_;
  const bool is_harmless = is_in_frame ? missing_in_frame_ == 0 : is_frame_header;
  report_gap({begin, end}, is_harmless ? Effect::kNothingLost : Effect::kNameless,
             is_harmless ? 0 : segment_.entry.min_seq, is_harmless ? 0 : segment_.entry.max_seq);
}

void SegmentInspector::report_gap(const ByteRange& gap, Effect effect, std::uint64_t first_missing,
                                  std::uint64_t last_missing) {
  const bool is_named = effect == Effect::kNameless && hint_ != nullptr;
  const bool is_missing = gap.begin >= segment_.file_size;  // minikvd refuses a file that is too short
  const bool is_accepted = segment_.is_loss_accepted;
  if (is_named || effect == Effect::kNothingLost) {
    effect = is_missing && !is_accepted ? Effect::kBlocking : Effect::kNothingLost;
  } else if (is_accepted) {
    effect = Effect::kAccepted;
  }
  const char* what =
      is_missing ? (is_named ? "the file ends here, too early: it was cut, or copied in part; what stood "
                               "here is told by the hint"
                             : "the file ends here, too early: it was cut, or copied in part")
      : is_named ? "neither a frame nor a record checks out here; what stood here is told by the hint"
      : effect == Effect::kNothingLost ? "a frame header does not check out; all of its records were found"
                                       : "neither a frame nor a record checks out here";
  const FindingKind kind = is_missing ? FindingKind::kShortFile : FindingKind::kDamagedBytes;
  Finding& finding = report(kind, effect, gap.begin, gap.end - gap.begin, what);
  if (is_missing && is_accepted) finding.what += "; an earlier start has accepted that";
  finding.first_sequence = first_missing;
  finding.last_sequence = last_missing;
}

void SegmentInspector::close_gaps(Effect effect, std::uint64_t first_missing, std::uint64_t last_missing) {
  for (const ByteRange& gap : std::exchange(gaps_, {})) report_gap(gap, effect, first_missing, last_missing);
}

void SegmentInspector::finish() {
  if (hint_ != nullptr) hint_->for_each_unseen([this](const HintEntry& entry) { take_from_hint(entry); });
  if (!segment_.file) return;
  if (is_log() && segment_.is_sealed() && expected_ != 0) {
    if (expected_ <= segment_.entry.max_seq) {
      follow(segment_.entry.max_seq + 1, segment_.end);
    } else {
      close_gaps(Effect::kNothingLost, 0, 0);
    }
  }
  close_gaps(Effect::kNameless, expected_, 0);
  report_lack();
  check_range();
}

// After an accepted cut a segment may end within a frame; the records that are there stay.
void SegmentInspector::report_lack() {
  if (!segment_.is_sealed() || segment_.file_size < segment_.entry.size || frame_end_ <= segment_.end) return;
  report(FindingKind::kShortFile, segment_.is_loss_accepted ? Effect::kAccepted : Effect::kNameless,
         segment_.end, frame_end_ - segment_.end, "the segment ends within a group of records");
}

// Whether the manifest's sequences are those of a segment without records. A log segment has its position in
// the log then: behind the last record of the segment before it, or, without a frame, at that record.
bool SegmentInspector::stands_for_no_records() const {
  const ManifestSegment& entry = segment_.entry;
  if (entry.min_seq == 0 && entry.max_seq == 0) return true;
  const bool has_frames = segment_.end > sizeof(SegmentHeader);
  return is_log() && max_seq_ == 0 && entry.min_seq == entry.max_seq + (has_frames ? 1 : 0);
}

void SegmentInspector::check_range() {
  const ManifestSegment& entry = segment_.entry;
  if (!segment_.is_sealed() || is_damaged_ || stands_for_no_records()) return;
  if (entry.min_seq == min_seq_ && entry.max_seq == max_seq_) return;
  report(
      FindingKind::kSequence, Effect::kBlocking, 0, 0,
      fmt::format("the manifest says that it has the sequences from {} to {}, and it has those from {} to {}",
                  entry.min_seq, entry.max_seq, min_seq_, max_seq_));
}

}  // namespace minikv::engine
