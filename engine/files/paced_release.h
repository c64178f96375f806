// Space that is given back piece by piece.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/base/one_at_a_time.h"
#include "engine/core/paced_file.h"
#include "engine/core/state.h"
#include "engine/segment/segment.h"

namespace minikv::engine {

// Segments whose files have been removed and whose readers are gone: closing such a file frees its blocks at
// once, which takes milliseconds in which the disk does nothing else where the file system discards what it
// frees. So the files are cut shorter bit by bit before, with rests. One that has got another name meanwhile,
// as backups by hard links give it, is only closed.
//
// Thread safety: bytes() may be called from any thread, the others by one thread.
class GentleRelease {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit GentleRelease(const SharedState& state) : rests_({state.options.fsync, state.written_sequence}) {}

  void add(std::vector<std::unique_ptr<Segment>> segments);
  // How much is still to be given back.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  bool is_empty() const { return segments_.empty(); }
  std::size_t count() const { return segments_.size(); }
  // When the next piece should go.
  Time next_at() const { return next_at_; }
  // The next piece, or a whole segment if it is small.
  void release_piece(Haste haste);
  void release_all();

 private:
  struct Dying {
    std::unique_ptr<Segment> segment;
    std::uint64_t bytes = 0;
  };

  void close_first();

  OneAtATime calls_;
  Rests rests_;
  std::deque<Dying> segments_;
  std::atomic<std::uint64_t> bytes_{0};
  Time next_at_{};
};

}  // namespace minikv::engine
