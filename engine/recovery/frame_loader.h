// The records of one segment, frame by frame, into a RecordLoader.
#pragma once

#include <cstdint>

#include "engine/core/state.h"
#include "engine/recovery/record_loader.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {

// Damage has a name if it is known of which keys it is. Where it has none the store is refused (kRefused),
// unless the loss was accepted.
//
// Thread safety: not thread-safe.
class FrameLoader {
 public:
  FrameLoader(const SharedState& state, const Segment& segment, RecordLoader& records)
      : state_(state), segment_(segment), records_(records) {}

  // Takes those of the frame's records whose headers check out.
  Status load(const FrameAt& frame);
  // Takes what can be read of `damaged`, which stands at the cursor, and moves the cursor behind the damage.
  Status step_over(FrameCursor& cursor, const FrameAt& damaged);
  // Ok if the loss was accepted, which is logged.
  Status accept_unnamed_damage(std::uint64_t offset) const;

 private:
  Status load(const RecordView& record);

  const SharedState& state_;
  const Segment& segment_;
  RecordLoader& records_;
};

}  // namespace minikv::engine
