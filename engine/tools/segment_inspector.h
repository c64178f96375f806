// One segment's part of an inspection.
#pragma once

#include <vector>

#include "engine/tools/inspection.h"
#include "engine/tools/segment_hint.h"

namespace minikv::engine {

// Judges what the walk through a segment finds. The sequences of a log are consecutive, so that the inspector
// knows which of them damage has taken.
class SegmentInspector final : public WalkVisitor {
 public:
  // `sequence_limit`: no record may have this sequence or a higher one; 0: not known.
  // `hint` may be null.
  SegmentInspector(Inspection& inspection, const SegmentFile& segment, SegmentHint* hint,
                   std::uint64_t sequence_limit);

  void frame(std::uint64_t offset, const FrameAt& frame) override;
  void record(const RecordView& record, bool padding_is_zero) override;
  void gap(std::uint64_t begin, std::uint64_t end) override;
  // To be called behind the last byte that counts.
  void finish();
  // The sequence that comes next in a log; 0: not known.
  std::uint64_t next_sequence() const { return expected_; }

 private:
  bool is_log() const { return segment_.entry.kind == SegmentKind::kLog; }
  Finding& report(FindingKind kind, Effect effect, std::uint64_t offset, std::uint64_t length,
                  std::string what);
  RecordState judge(const RecordView& record);
  Finding& report_record(FindingKind kind, Effect effect, const RecordView& record, const char* what);
  bool compare_with_hint(const RecordView& record, RecordState state);
  void take_from_hint(const HintEntry& entry);
  void judge_sequence(const RecordView& record);
  void follow(std::uint64_t sequence, std::uint64_t offset);
  void report_gap(const ByteRange& gap, Effect effect, std::uint64_t first_missing,
                  std::uint64_t last_missing);
  void close_gaps(Effect effect, std::uint64_t first_missing, std::uint64_t last_missing);
  void report_lack();
  bool stands_for_no_records() const;
  void check_range();

  Inspection& inspection_;
  const SegmentFile& segment_;
  SegmentHint* const hint_;
  const std::uint64_t sequence_limit_;
  std::uint64_t expected_ = 0;  // of a log: the next sequence; 0: not known
  std::uint64_t min_seq_ = 0;
  std::uint64_t max_seq_ = 0;
  bool is_damaged_ = false;
  std::uint64_t frame_end_ = sizeof(SegmentHeader);  // where the last frame said that it ends
  std::uint64_t missing_in_frame_ = 0;  // records that the last frame says it has, and that were not found
  std::vector<ByteRange> gaps_;         // of a log: it is not known yet which sequences they have taken
};

}  // namespace minikv::engine
