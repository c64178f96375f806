// Compaction: the live records of sealed segments are written to new ones, and the old ones are given back.
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

// One merge of a set of sealed segments. It reads them, verifies every checksum, decides by the index which
// records are live, and asks the writer to repoint their keys: it never touches the index itself.
//
// A crash at any step leaves the state before or after: outputs that the manifest does not name are removed
// at the next start, inputs that it calls dropped likewise.
//
// Several may run at once over disjoint sets of segments. What one of them assumes of the segments outside
// its own merge (that none holds a key before a tombstone's sequence) stays true when another one replaces
// some of these: an output holds no key, and no older record, than its inputs did.
//
// Thread safety: run() by one thread.
class Compaction {
 public:
  // All must outlive it. `haste` is asked from run() only, and often. Once `cancelled` is set, run() ends
  // soon.
  Compaction(SharedState& state, Keeper& keeper, Writer& writer, RateLimit& rate,
             std::function<Haste()> haste, const std::atomic<bool>& cancelled)
      : state_(state),
        keeper_(keeper),
        writer_(writer),
        rate_(rate),
        cancelled_(cancelled),
        output_(state, keeper, std::move(haste)),
        others_(state.file_system, state.directory, keeper) {}
  Compaction(const Compaction&) = delete;
  Compaction& operator=(const Compaction&) = delete;

  // Once, with segments that are sealed and that no other merge takes. Returns the bytes given back.
  // kShutdown if it was cancelled. May throw std::bad_alloc, as if it had not been begun.
  Result<std::uint64_t> run(const std::vector<ManifestSegment>& inputs);

 private:
  // While compaction works in the room of the spare.
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
  // `is_readable`: false if it was the segment that could not be read.
  Status merge(const ManifestSegment& input, const Segment& segment, SegmentReader& reader,
               bool& is_readable);
  Status take_frame(const FrameAt& frame, std::uint64_t segment);
  void fetch_ahead(std::span<const RecordView> records) const;

  Status take_record(const RecordView& record, std::uint32_t segment);
  Status take_put(const RecordView& record, std::uint32_t segment, const Place& place);
  Status take_dead(const RecordView& record);
  Status take_range_delete(const RecordView& record);
  Status copy(const RecordView& record);
  Status keep(const NewRecord& record, std::uint32_t segment, const RecordView& from, Place place);
  Status keep_tombstone(std::string_view key, std::uint64_t sequence);
  bool is_input(std::uint64_t segment_id) const;

  SharedState& state_;
  Keeper& keeper_;
  Writer& writer_;
  RateLimit& rate_;
  const std::atomic<bool>& cancelled_;
  SpareHold spare_hold_{keeper_};  // outlives the output: what has failed is gone when the next spare is made
  CompactionOutput output_;
  OtherSegments others_;
  std::vector<std::uint64_t> inputs_;
  std::vector<Relocation> relocations_;
  std::uint64_t live_bytes_met_ = 0;  // of records in this input that the index names
  bool gives_up_loss_ = false;        // what of this input says no keys may go
};

}  // namespace minikv::engine
