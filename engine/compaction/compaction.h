// Compaction: writes the live records of sealed segments to new ones, and gives the old ones back.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/out_of_memory.h"
#include "engine/commit/writer.h"
#include "engine/compaction/install.h"
#include "engine/compaction/other_segments.h"
#include "engine/compaction/output.h"
#include "engine/compaction/rate_limit.h"
#include "engine/core/paced_file.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {

// One merge of a set of sealed segments. The merge reads them, verifies every checksum, and decides by the
// index which records are live. The writer repoints their keys, since only it may change the index.
//
// A crash at any step leaves the state before or after the merge. The next start removes outputs that the
// manifest does not name, and inputs that it calls dropped.
//
// Several merges may run at once over disjoint sets of segments. A merge drops a tombstone if no sealed
// segment outside the merge holds an older record of its key. That stays true when another merge replaces
// some of these segments: an output holds no key, and no older record, that its inputs did not hold.
//
// Thread safety: run() by one thread.
class Compaction {
 public:
  // All must outlive it. `urgency` is asked from run() only, and often. Once `cancelled` is set, run() ends
  // soon.
  Compaction(SharedState& state, Keeper& keeper, Writer& writer, RateLimit& rate,
             std::function<Urgency()> urgency, const std::atomic<bool>& cancelled)
      : state_(state),
        keeper_(keeper),
        writer_(writer),
        rate_(rate),
        cancelled_(cancelled),
        output_(state, keeper, std::move(urgency)),
        others_(state.file_system, state.directory, keeper) {}
  Compaction(const Compaction&) = delete;
  Compaction& operator=(const Compaction&) = delete;

  // To be called once, with sealed segments that no other merge takes. Returns the bytes given back.
  // kShutdown if it was cancelled. May throw std::bad_alloc; then the store is as if the merge had not been
  // begun.
  Result<std::uint64_t> run(const std::vector<ManifestSegment>& inputs);

 private:
  // Held while compaction works in the room of the spare.
  struct SpareHold {
    Keeper& keeper;
    bool is_held = false;
    ~SpareHold() {
      if (!is_held) return;
      (void)without_throwing([this] {
        keeper.spare().allow();
        return Status();
      });
    }
  };
  void find_others();
  Status check_space(const std::vector<ManifestSegment>& inputs);
  std::shared_ptr<Segment> segment_of(const ManifestSegment& input);
  Status merge(const ManifestSegment& input);
  // Sets `is_readable` to false if the segment could not be read.
  Status merge(const ManifestSegment& input, const Segment& segment, SegmentReader& reader,
               bool& is_readable);
  Status take_frame(const FrameAt& frame, SegmentId segment);
  void prefetch(std::span<const RecordView> records) const;

  Status take_record(const RecordView& record, SegmentId segment);
  Status take_put(const RecordView& record, SegmentId segment, const Location& location);
  Status take_dead(const RecordView& record);
  Status take_range_delete(const RecordView& record);
  Status copy(const RecordView& record);
  Status keep(const NewRecord& record, SegmentId segment, const RecordView& from, Location location);
  Status keep_tombstone(std::string_view key, std::uint64_t sequence);
  bool is_input(SegmentId segment) const;

  SharedState& state_;
  Keeper& keeper_;
  Writer& writer_;
  RateLimit& rate_;
  const std::atomic<bool>& cancelled_;
  SpareHold spare_hold_{keeper_};  // outlives output_: failed outputs are gone when the next spare is made
  CompactionOutput output_;
  OtherSegments others_;
  std::vector<SegmentId> inputs_;
  std::vector<Relocation> relocations_;
  std::uint64_t live_bytes_met_ = 0;  // of records in this input that the index names
  bool gives_up_loss_ = false;        // unreadable parts of this input without keys may go
};

}  // namespace minikv::engine
