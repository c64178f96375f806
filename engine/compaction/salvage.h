// What compaction can still take of a segment that is damaged.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/core/state.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {

// The records of stretches that can't be read as frames: the segment's hint names them all. Where there is
// none, those that name themselves are all there is, which is enough only if the loss of the others was
// accepted.
//
// Thread safety: not thread-safe.
class Salvage {
 public:
  // All must outlive it. `reader`: of the bytes that are there, which may be fewer than `input` says.
  Salvage(const SharedState& state, const StoreId& store_id, const ManifestSegment& input,
          const Segment& segment, SegmentReader& reader)
      : state_(state), store_id_(store_id), input_(input), segment_(segment), reader_(reader) {}

  // Before the others, once. An error: the segment could not be read.
  Status compare_with_accepted_loss();
  // Whether what can't be read of the segment is what somebody has accepted, and no more.
  bool gives_up_loss() const { return gives_up_loss_; }

  using Take = std::function<Status(const RecordView&)>;
  // Hands on what is known of the stretch from `begin` to before `end`, until `take` fails. kCorruption:
  // nothing says of which keys it is.
  Status take(std::uint64_t begin, std::uint64_t end, const Take& take);

 private:
  Status take_from_hint(const Hint& hint, std::uint64_t begin, std::uint64_t end, const Take& take);
  Status take_what_names_itself(std::uint64_t begin, std::uint64_t end, const Take& take);

  const SharedState& state_;
  const StoreId store_id_;
  const ManifestSegment& input_;
  const Segment& segment_;
  SegmentReader& reader_;
  bool gives_up_loss_ = false;
};

}  // namespace minikv::engine
