// Inspects all files of a store, segment by segment.
#include "engine/tools/inspection.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/segment/survey.h"
#include "engine/tools/log_end.h"
#include "engine/tools/segment_inspector.h"

namespace minikv::engine {
namespace {

// Names what the next start will cut off the log.
class TailVisitor final : public WalkVisitor {
 public:
  TailVisitor(const SegmentFile& segment, InspectionSink* sink, std::vector<Finding>& findings)
      : segment_(segment), sink_(sink), findings_(findings) {}

  void frame(std::uint64_t offset, const FrameAt& frame) override {
    if (sink_ != nullptr) sink_->frame(segment_, offset, frame);
  }
  void record(const RecordView& record, bool) override {
    Finding finding{FindingKind::kTornRecord, Effect::kNote,
                    "a record behind the end of the log; the next start cuts it off", segment_.name};
    finding.has_offset = finding.has_key = true;
    finding.offset = record.offset;
    finding.length = record.bytes();
    finding.key = record.key;
    finding.type = record.header.type;
    finding.first_sequence = finding.last_sequence = record.header.sequence;
    findings_.push_back(std::move(finding));
    if (sink_ != nullptr) sink_->record(segment_, record, RecordState::kTorn);
  }
  void gap(std::uint64_t begin, std::uint64_t end) override {
    if (sink_ != nullptr) sink_->gap(segment_, begin, end);
  }

 private:
  const SegmentFile& segment_;
  InspectionSink* sink_;
  std::vector<Finding>& findings_;
};

std::uint64_t sequence_limit(const std::optional<Manifest>& manifest) {
  if (!manifest) return 0;
  return manifest->clean_sequence != 0 ? manifest->clean_sequence : manifest->seq_limit;
}

}  // namespace

std::string_view name_of(RecordState state) {
  switch (state) {
    case RecordState::kGood: return "good";
    case RecordState::kFromHint: return "from-hint";
    case RecordState::kDamagedValue: return "damaged";
    case RecordState::kUnknown: return "unknown";
    case RecordState::kTorn: return "torn";
  }
  return "unknown";
}

Status Inspection::run() {
  findings_ = files_.findings();
  if (files_.manifest()) summary_.newest_time_ms = files_.manifest()->engine_time_ms;
  bytes_total_ = files_.bytes();
  MINIKV_TRY(find_log_end(files_.segments()));
  for (SegmentFile& segment : files_.segments()) {
    if (sink_ != nullptr) sink_->segment(segment);
    const auto before = static_cast<std::ptrdiff_t>(findings_.size());
    MINIKV_TRY(inspect(segment));
    std::stable_sort(findings_.begin() + before, findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.offset < b.offset; });
    if (!segment.file) continue;
    ++summary_.segments;
    summary_.bytes += segment.file_size;
    report_unreadable(segment);
    bytes_before_ += segment.file_size;
  }
  report_progress(0);
  return {};
}

Status Inspection::inspect(SegmentFile& segment) {
  std::unique_ptr<SegmentHint> hint;
  if (files_.manifest()) {
    MINIKV_ASSIGN_OR_RETURN(hint, SegmentHint::load(files_.file_system(), files_.directory(), segment,
                                                    files_.manifest()->store_id, findings_));
  }
  MINIKV_TRY(compare_with_accepted_loss(segment, hint != nullptr));
  SegmentInspector inspector(*this, segment, hint.get(), sequence_limit(files_.manifest()));
  if (!segment.file) {
    if (hint) name_what_is_missing(segment);
    if (hint) inspector.finish();
    return {};
  }
  SegmentReader reader(*segment.file, segment.end);
  MINIKV_TRY(walk_segment(reader, segment.identity(), sizeof(SegmentHeader), inspector));
  if (segment.is_sealed() && segment.file_size < segment.entry.size) {
    inspector.gap(std::max<std::uint64_t>(segment.file_size, sizeof(SegmentHeader)), segment.entry.size);
  }
  inspector.finish();
  if (segment.is_sealed() && segment.file_size > segment.entry.size) report_overlong(segment);
  if (is_short_log(segment)) report_short_log(segment, inspector.next_sequence());
  return segment.is_sealed() || segment.data_end <= segment.end ? Status() : inspect_tail(segment);
}

Status Inspection::compare_with_accepted_loss(SegmentFile& segment, bool has_hint) {
  if (!segment.file || segment.entry.accepted_loss == 0) return {};
  std::uint32_t loss = 0;
  if (segment.file_size < segment.entry.size) {
    if (has_hint) loss = loss_of_cut(segment.file_size, segment.entry.size);
  } else {
    const auto survey = survey_segment(*segment.file, segment.identity(), segment.end);
    if (!survey) return survey.status();
    loss = survey->loss;
  }
  segment.is_loss_accepted = loss == segment.entry.accepted_loss;
  return {};
}

// A log segment is cut once it is sealed: a crash may come in between.
void Inspection::report_overlong(const SegmentFile& segment) {
  const bool is_log = segment.entry.kind == SegmentKind::kLog;
  Finding finding{
      FindingKind::kSegmentSize, is_log ? Effect::kNote : Effect::kNothingLost,
      fmt::format("the file is {} bytes longer than the manifest says; they are not read{}",
                  segment.file_size - segment.entry.size, is_log ? ", and the next start cuts them off" : ""),
      segment.name};
  finding.has_offset = true;
  finding.offset = segment.entry.size;
  finding.length = segment.file_size - segment.entry.size;
  findings_.push_back(std::move(finding));
}

bool Inspection::is_short_log(const SegmentFile& segment) const {
  return !segment.is_sealed() && segment.file_size < segment.entry.size && files_.manifest() &&
         files_.manifest()->knows_lengths();
}

// All bytes behind the file's end are gone, frames as well as zeros. A spare is known to be blank if the
// store was closed in order.
void Inspection::report_short_log(const SegmentFile& segment, std::uint64_t next_sequence) {
  const bool was_blank =
      segment.entry.state == SegmentState::kSpare && files_.manifest()->clean_sequence != 0;
  Finding finding{
      FindingKind::kShortFile, was_blank ? Effect::kBlocking : Effect::kNameless,
      fmt::format("the file has {} bytes, and the manifest knows of {}: it was cut, or copied in part",
                  segment.file_size, segment.entry.size),
      segment.name};
  finding.has_offset = true;
  finding.offset = segment.file_size;
  finding.length = segment.entry.size - segment.file_size;
  if (!was_blank) finding.first_sequence = next_sequence;
  findings_.push_back(std::move(finding));
}

// The hint of a missing segment has its keys.
void Inspection::name_what_is_missing(const SegmentFile& segment) {
  for (Finding& finding : findings_) {
    if (finding.file != segment.name || finding.effect != Effect::kNameless) continue;
    finding.effect = Effect::kBlocking;
    finding.what += "; its hint has the keys, which are listed by themselves";
  }
}

Status Inspection::inspect_tail(SegmentFile& segment) {
  const bool was_closed = files_.manifest() && files_.manifest()->clean_sequence != 0;
  Finding finding{
      FindingKind::kTornTail, was_closed ? Effect::kNothingLost : Effect::kNote,
      is_short_log(segment) ? "the log's end is no whole group: the file was cut in the middle of it"
      : was_closed          ? "bytes that are not zeros in a segment that was never used; they are not read"
                   : "the log's end is no whole group, and nothing says that it was ever synced: torn by "
                     "a crash; the next start cuts it off and keeps it aside",
      segment.name};
  finding.has_offset = true;
  finding.offset = segment.end;
  finding.length = segment.data_end - segment.end;
  summary_.torn_bytes += finding.length;
  findings_.push_back(std::move(finding));
  SegmentReader reader(*segment.file, segment.data_end);
  TailVisitor visitor(segment, sink_, findings_);
  return walk_segment(reader, segment.identity(), segment.end, visitor);
}

void Inspection::report_unreadable(const SegmentFile& segment) {
  for (const ByteRange& range : segment.file->unreadable()) {
    findings_.push_back(unreadable_finding(segment.name, range));
  }
}

void Inspection::report_progress(std::uint64_t offset) const {
  if (progress_) progress_(bytes_before_ + offset, bytes_total_);
}

}  // namespace minikv::engine
