// Salvage: the records that compaction can still take of a damaged segment.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/core/context.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {

// Takes the records of stretches that can't be read as frames. The segment's hint names them all. Without a
// hint only records with sound headers are found, which is enough only if the loss of the others was
// accepted.
//
// Thread safety: not thread-safe.
class Salvage {
 public:
  // All must outlive it. `reader` has the bytes that are there, which may be fewer than `input` says.
  Salvage(const StoreContext& context, const StoreId& store_id, const ManifestSegment& input,
          const Segment& segment, SegmentReader& reader)
      : context_(context), store_id_(store_id), input_(input), segment_(segment), reader_(reader) {}

  // To be called once, before the others. An error: the segment could not be read.
  Status compare_with_accepted_loss();
  // Whether the unreadable part of the segment is the accepted loss, and no more.
  bool gives_up_loss() const { return gives_up_loss_; }

  using Take = std::function<Status(const RecordView&)>;
  // Calls `take` for the known records of the stretch from `begin` to before `end`, until `take` fails.
  // kCorruption: there is no hint that names the keys of the stretch, and its loss was not accepted.
  Status take(std::uint64_t begin, std::uint64_t end, const Take& take);

 private:
  Status take_from_hint(const Hint& hint, std::uint64_t begin, std::uint64_t end, const Take& take);
  Status take_what_names_itself(std::uint64_t begin, std::uint64_t end, const Take& take);

  const StoreContext& context_;
  const StoreId store_id_;
  const ManifestSegment& input_;
  const Segment& segment_;
  SegmentReader& reader_;
  bool gives_up_loss_ = false;
};

}  // namespace minikv::engine
