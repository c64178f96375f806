// Reads every byte of a store and reports what is wrong with it. A sink can receive all that is read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/segment/segment_walk.h"
#include "engine/tools/store_files.h"

namespace minikv::engine {

// The verdict on a record.
enum class RecordState : std::uint8_t {
  kGood,
  kFromHint,  // damaged, but the segment's hint and the value's checksum know all that it said
  kDamagedValue,
  kUnknown,  // of a type, or with flags, that this version does not know
  kTorn,     // behind the end of the log: cut by the next start, as if it had never been written
};
std::string_view name_of(RecordState state);  // "good"

// Receives all that is read, segment by segment. Views are valid until the call returns.
class InspectionSink {
 public:
  virtual ~InspectionSink() = default;
  virtual void segment(const SegmentFile&) {}
  virtual void frame(const SegmentFile&, std::uint64_t /*offset*/, const FrameAt&) {}
  virtual void record(const SegmentFile&, const RecordView&, RecordState) {}
  virtual void gap(const SegmentFile&, std::uint64_t /*begin*/, std::uint64_t /*end*/) {}
};

struct InspectionSummary {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;
  std::uint64_t records = 0;
  std::uint64_t puts = 0, deletes = 0, expires = 0, range_deletes = 0, lost = 0;
  std::uint64_t torn_bytes = 0;
  std::uint64_t newest_sequence = 0;  // of records that count
  std::int64_t newest_time_ms = 0;
};

// Called with the bytes read so far, and the bytes in all.
using Progress = std::function<void(std::uint64_t, std::uint64_t)>;

// Thread safety: not thread-safe.
class Inspection {
 public:
  // `sink` may be null, `progress` empty.
  Inspection(StoreFiles& files, InspectionSink* sink, Progress progress)
      : files_(files), sink_(sink), progress_(std::move(progress)) {}

  // Inspects the store, and reads its usable hints too. An error means that the inspection could not be done;
  // damage of the store is in findings().
  Status run();

  // The findings of StoreFiles included. The effect of each damaged record is kKeyLost, because the
  // inspection does not decide whether the record is its key's newest (see decide_effects()).
  std::vector<Finding>& findings() { return findings_; }
  const InspectionSummary& summary() const { return summary_; }

 private:
  friend class SegmentInspector;
  Status inspect(SegmentFile& segment);
  Status inspect_tail(SegmentFile& segment);
  static Status compare_with_accepted_loss(SegmentFile& segment, bool has_hint);
  void report_overlong(const SegmentFile& segment);
  bool is_short_log(const SegmentFile& segment) const;
  void report_short_log(const SegmentFile& segment, std::uint64_t next_sequence);
  void name_what_is_missing(const SegmentFile& segment);
  void report_unreadable(const SegmentFile& segment);
  void report_progress(std::uint64_t offset) const;

  StoreFiles& files_;
  InspectionSink* sink_;
  Progress progress_;
  std::vector<Finding> findings_;
  InspectionSummary summary_;
  std::uint64_t bytes_before_ = 0;  // of the segments before this one
  std::uint64_t bytes_total_ = 0;
};

}  // namespace minikv::engine
