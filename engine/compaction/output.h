// What a merge writes: compacted segments, each with its hint.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/context.h"
#include "engine/core/paced_file.h"
#include "engine/files/keeper.h"
#include "engine/format/frame.h"
#include "engine/format/hint.h"

namespace minikv::engine {

// The outputs of one merge: compacted segments that are written under temporary names and get their final
// names together.
//
// Thread safety: not thread-safe.
class CompactionOutput {
 public:
  // `urgency` is asked from add() and finish(), and often.
  CompactionOutput(StoreContext& context, Keeper& keeper, std::function<Urgency()> urgency)
      : context_(context), keeper_(keeper), urgency_(std::move(urgency)) {}
  ~CompactionOutput();  // removes what was not kept

  struct Position {
    SegmentId segment;
    std::uint64_t offset = 0;
  };
  // The record's bytes need not outlive the call. Not after finish().
  Result<Position> add(const NewRecord& record);
  // Writes and syncs everything, and gives it its final names. Once.
  Status finish();
  // After finish(), and before the manifest names the segments: keeps them from being removed. Once.
  std::vector<std::shared_ptr<Segment>> keep();
  // After keep(): removes the kept segments. Only if it is certain that the manifest does not name them, and
  // never will.
  void remove_kept();
  const std::vector<ManifestSegment>& entries() const { return entries_; }
  std::uint64_t bytes() const;

 private:
  Pacing pacing() const { return {context_.options.fsync, context_.written_sequence}; }
  Status begin_segment();
  Status create_blank(const SegmentIdentity& identity, const std::string& path);
  Status write_frame();
  Status end_segment();
  void write_hint_of_segment();

  StoreContext& context_;
  Keeper& keeper_;
  const std::function<Urgency()> urgency_;
  FrameBuilder frame_;
  HintBuilder hint_;  // of the segment that is being written
  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<ManifestSegment> entries_;
  std::vector<std::string> paths_;  // the present names
  std::vector<SegmentId> hinted_;
  std::optional<PacedFile> file_;  // the last segment's
  std::uint64_t used_ = 0;
  std::uint64_t frame_min_seq_ = 0;
  bool is_open_ = false;  // the last segment takes records
  bool is_finished_ = false;
};

}  // namespace minikv::engine
