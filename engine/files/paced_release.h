// Paced release: gives space back piece by piece.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/base/one_at_a_time.h"
#include "engine/core/context.h"
#include "engine/core/paced_file.h"
#include "engine/segment/segment.h"

namespace minikv::engine {

// Takes segments with removed files and without readers. Closing such a file frees its blocks at once; where
// the file system discards freed blocks, the disk does nothing else for milliseconds. So the release cuts the
// files shorter bit by bit before, with rests. A file that has got another name, as backups by hard links
// give it, is only closed.
//
// Thread safety: bytes() may be called from any thread, the others by one thread.
class PacedRelease {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit PacedRelease(const StoreContext& context)
      : pacer_({context.options.fsync, context.written_sequence}) {}

  void add(std::vector<std::unique_ptr<Segment>> segments);
  // How many bytes are still to be given back.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  bool is_empty() const { return segments_.empty(); }
  std::size_t count() const { return segments_.size(); }
  // When the next piece should be given back.
  Time next_at() const { return next_at_; }
  // Gives back the next piece, or a whole segment if it is small.
  void release_piece(Urgency urgency);
  void release_all();

 private:
  struct Dying {
    std::unique_ptr<Segment> segment;
    std::uint64_t bytes = 0;
  };

  void close_first();

  OneAtATime calls_;
  Pacer pacer_;
  std::deque<Dying> segments_;
  std::atomic<std::uint64_t> bytes_{0};
  Time next_at_{};
};

}  // namespace minikv::engine
