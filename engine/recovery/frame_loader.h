// Loads the records of one segment, frame by frame, into a RecordLoader.
#pragma once

#include <cstdint>

#include "engine/core/context.h"
#include "engine/recovery/record_loader.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {

// Damage has a name if the keys that it concerns are known. The loader refuses unnamed damage (kRefused),
// unless the loss is accepted at this start, or was accepted at an earlier one and is still the same.
//
// Thread safety: not thread-safe.
class FrameLoader {
 public:
  // `bytes`: how many bytes of the segment's file count. `accepted_loss`: as in the manifest.
  FrameLoader(const StoreContext& context, const Segment& segment, std::uint64_t bytes, RecordLoader& records,
              std::uint32_t accepted_loss = 0)
      : context_(context),
        segment_(segment),
        bytes_(bytes),
        accepted_loss_(accepted_loss),
        records_(records) {}

  // Takes the frame's records that have sound headers.
  Status load(const FrameAt& frame);
  // Takes the readable records of `damaged`, which stands at the cursor, and moves the cursor behind the
  // damage.
  Status step_over(FrameCursor& cursor, const FrameAt& damaged);
  // Ok: the loss is accepted, which is logged. kRefused: it is not.
  Status accept_unnamed_damage(std::uint64_t offset);
  // Whether there was unnamed damage, other than what an earlier start has accepted.
  bool has_new_loss() const { return has_loss_ && !is_known_loss_; }

 private:
  Status load(const RecordView& record);
  Status compare_with_accepted_loss();

  const StoreContext& context_;
  const Segment& segment_;
  const std::uint64_t bytes_;
  const std::uint32_t accepted_loss_;
  RecordLoader& records_;
  bool has_loss_ = false;       // something can't be read and has no name
  bool is_known_loss_ = false;  // and that is what was accepted at an earlier start
};

}  // namespace minikv::engine
