// Compaction: the live records of sealed segments are written to new ones, and the old ones are given back.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/out_of_memory.h"
#include "engine/format/hint.h"
#include "engine/store/gentle_file.h"
#include "engine/store/keeper.h"
#include "engine/store/rate_limit.h"
#include "engine/store/scan.h"
#include "engine/store/state.h"
#include "engine/store/writer.h"

namespace minikv::engine {

// The outputs of one merge: compacted segments that are written under temporary names and become real together.
// Thread safety: not thread-safe.
class CompactionOutput {
 public:
  CompactionOutput(SharedState& state, Keeper& keeper, std::function<Haste()> haste)
      : state_(state), keeper_(keeper), haste_(std::move(haste)) {}
  ~CompactionOutput();  // removes what was not kept

  struct Position {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
  };
  // The record's bytes are written before the next call returns, or at finish().
  Result<Position> add(const NewRecord& record);
  // Everything written, synced and under its final name.
  Status finish();
  // After finish(), and after the manifest names them: they stay.
  std::vector<std::shared_ptr<Segment>> keep();
  // Of what is kept: the manifest does not name it, for certain, and never will.
  void remove_kept();
  const std::vector<ManifestSegment>& entries() const { return entries_; }
  std::uint64_t bytes() const;

 private:
  Status begin_segment();
  Status write_frame();
  Status end_segment();
  void write_hint_of_segment();

  SharedState& state_;
  Keeper& keeper_;
  const std::function<Haste()> haste_;
  FrameBuilder frame_;
  HintBuilder hint_;  // of the segment that is being written
  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<ManifestSegment> entries_;
  std::vector<std::string> paths_;  // as they are named now
  std::vector<std::uint64_t> hinted_;
  std::optional<GentleFile> file_;  // the last segment's
  std::uint64_t used_ = 0;
  std::uint64_t frame_min_seq_ = 0;
  bool open_ = false;
};

// One merge of a set of sealed segments. It reads them, verifies every checksum, decides by the index which records are
// live, and asks the writer to repoint their keys: it never touches the index itself.
//
// A crash at any step leaves the state before or after: outputs that the manifest does not name are removed at the next
// start, inputs that it calls dropped likewise.
//
// Several may run at once over disjoint sets of segments. What one of them assumes of the segments outside its own merge
// (that none holds a key before a tombstone's sequence) stays true when another one replaces some of these: an output holds
// no key, and no older record, than its inputs did.
//
// Thread safety: run() by one thread.
class Compaction {
 public:
  // `haste` is asked from run() only, and often.
  Compaction(SharedState& state, Keeper& keeper, Writer& writer, RateLimit& rate,
             std::function<Haste()> haste, const std::atomic<bool>& cancelled)
      : state_(state),
        keeper_(keeper),
        writer_(writer),
        rate_(rate),
        cancelled_(cancelled),
        output_(state, keeper, std::move(haste)) {}
  Compaction(const Compaction&) = delete;
  Compaction& operator=(const Compaction&) = delete;

  // Returns the bytes given back. kShutdown if it was cancelled. May throw std::bad_alloc, as if it had not been begun.
  Result<std::uint64_t> run(const std::vector<ManifestSegment>& inputs);

 private:
  // A live record and where its copy is; `erase`: there is no copy, the key has expired.
  struct Move {
    std::string key;
    std::uint32_t from_segment = 0;
    std::uint64_t from_offset = 0;
    Place to;
    bool erase = false;
  };
  // While compaction works in the room of the spare.
  struct SpareHold {
    Keeper& keeper;
    bool is_held = false;
    ~SpareHold() {
      if (!is_held) return;
      (void)without_throwing([this] {
        keeper.allow_spare();
        return Status();
      });
    }
  };
  // A segment that is not part of the merge.
  struct Outside {
    ManifestSegment entry{};
    std::shared_ptr<Segment> segment;  // null: nothing is known of its keys
  };

  void look_outside();
  Status merge(const ManifestSegment& input);
  // `is_readable`: false if it was the segment that could not be read.
  Status merge(const ManifestSegment& input, const Segment& segment, SegmentReader& reader,
               bool& is_readable);
  // What is known of a stretch of the segment that can't be read as frames.
  Status merge_damaged(const ManifestSegment& input, const Segment& segment, SegmentReader& reader,
                       std::uint64_t begin, std::uint64_t end);
  Status merge_hinted(const Hint& hint, const Segment& segment, std::uint64_t begin, std::uint64_t end);
  Status merge_salvaged(const Segment& segment, SegmentReader& reader, std::uint64_t begin,
                        std::uint64_t end);
  void fetch_ahead(std::span<const RecordView> records) const;
  Status take_record(const RecordView& record, std::uint32_t segment);
  Status take_put(const RecordView& record, std::uint32_t segment, const Place& place);
  Status take_dead(const RecordView& record);
  Status take_range_delete(const RecordView& record);
  Status copy(const RecordView& record);
  Status keep(const NewRecord& record, std::uint32_t segment, const RecordView& from, Place place);
  Status keep_tombstone(std::string_view key, std::uint64_t sequence);
  bool is_input(std::uint64_t segment_id) const;
  bool may_drop_tombstone(std::string_view key, std::uint64_t sequence) const;
  bool may_drop(const RangeDelete& range) const;
  Status check_space(const std::vector<ManifestSegment>& inputs);
  Status install(const std::vector<ManifestSegment>& inputs);
  Status on_writer(const std::function<void()>& work);
  void note_dead_at_birth(const std::vector<std::shared_ptr<Segment>>& outputs);
  void apply_moves(std::size_t first, std::size_t last);
  void apply(const Move& move) MINIKV_REQUIRES(state_.lock);

  SharedState& state_;
  Keeper& keeper_;
  Writer& writer_;
  RateLimit& rate_;
  const std::atomic<bool>& cancelled_;
  SpareHold spare_hold_{keeper_};  // outlives the output: what has failed is gone when the next spare is made
  CompactionOutput output_;
  std::vector<Outside> outside_;  // by min_seq
  std::vector<std::uint64_t> input_ids_;
  std::vector<Move> moves_;
  std::uint64_t live_bytes_met_ = 0;  // of records in this input that the index names
  bool gives_up_loss_ = false;        // what of this input says no keys may go
};

}  // namespace minikv::engine
