// The end of the log: frames are appended, made durable, and the log goes on in the next segment.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "engine/base/log.h"
#include "engine/core/log_progress.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"
#include "engine/files/missing_log.h"
#include "engine/format/frame.h"
#include "engine/segment/resident_pages.h"
#include "engine/segment/segment.h"
#include "minikv/options.h"
#include "minikv/status.h"

namespace minikv::engine {

// A group of writes takes three steps, each with a verb of its own: append() writes its frame, sync() makes
// that as durable as the mode promises, Publisher::publish() shows it to readers. What else is to be done
// with a frame before readers see it comes between these steps; LogWriter knows nothing of the index.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class LogWriter {
 public:
  // All but `active` must outlive it. `active` is what the log goes on in, `next_sequence` what its next
  // record gets.
  LogWriter(const Options& options, const Log& log, LogProgress& progress, Health& health, Counters& counters,
            WarmPages& warm_pages, Keeper& keeper, std::shared_ptr<Segment> active,
            std::uint64_t next_sequence);

  const std::shared_ptr<Segment>& segment() const { return active_; }
  // Where the next frame will stand in it.
  std::uint64_t used_bytes() const { return active_->used_bytes.load(std::memory_order_relaxed); }
  // Bytes of the disk that the segment has, whatever is written to it.
  std::uint64_t own_bytes() const { return own_bytes_; }
  std::uint64_t next_sequence() const { return next_sequence_; }
  // The segment as it would be sealed now.
  RetiredSegment active() const { return {active_, used_bytes(), active_min_seq_, active_max_seq_}; }
  bool has_frames() const { return active_max_seq_ != 0; }

  // Where the segment would end with a frame whose records take `bytes`.
  std::uint64_t end_with(std::size_t bytes) const { return used_bytes() + sizeof(FrameHeader) + bytes; }
  // Whether such a frame may be appended to it. One that is alone in its segment may, however large it is.
  bool fits(std::size_t bytes) const {
    if (active_->id() == kNoSegment) return false;
    return used_bytes() == sizeof(SegmentHeader) || end_with(bytes) <= options_.segment_size;
  }

  // ---- append, sync ----

  // Writes a frame that was begun at the end of segment(). `end_sequence` is behind the last sequence that
  // its records have. Any error: the frame is not part of the log, and what the write has left in the file is
  // undone before anything else is written.
  Status append(FrameBuilder& frame, std::uint64_t end_sequence, std::int64_t now_ms);
  // Makes everything that was appended as durable as the mode promises: by a sync in `always`; in `interval`
  // it is the keeper's to sync, and waited for only where a sync is late. A sync that fails is final: the
  // store is read-only from then on. May throw std::bad_alloc.
  Status sync();
  // Undoes what a failed append() has left, if anything. On a disk so full that it can't be done (where
  // overwriting takes room, too) it is tried again with each append(), which fails meanwhile.
  Status undo_failed_write() { return failed_end_ == 0 ? Status() : overwrite_failed(); }

  // ---- roll ----

  // Hands the segment over to be synced and sealed, and goes on in `next`, which nothing was written to.
  // Needs a successful undo_failed_write().
  void roll_to(std::shared_ptr<Segment> next);

  // ---- frames without records, which say how far the log is durable and what time it is ----

  // Whether the end of the log does not say yet that its last records are durable. Until it does, damage
  // there could not be told from a torn write.
  bool wants_watermark() const;
  // While wants_watermark(): when it should be appended.
  std::chrono::steady_clock::time_point watermark_due() const { return watermark_due_; }
  // While wants_watermark(). Nothing is written where the last records are not durable yet. May throw
  // std::bad_alloc.
  void append_watermark(std::int64_t now_ms);
  // As append(), for a frame without records.
  Status append_mark(std::int64_t now_ms);
  // Engine time of the newest frame; 0: none was appended.
  std::int64_t last_time_ms() const { return last_time_ms_; }

 private:
  FrameHeader next_header(std::int64_t now_ms) const;
  Status write(std::span<const std::string_view> pieces, std::uint64_t bytes);
  Status refuse(const Status& why, std::size_t records);
  void note_appended(const FrameHeader& header, std::uint64_t bytes, std::uint64_t end_sequence) noexcept;
  Status overwrite_failed();
  Status overwrite(std::uint64_t offset, std::uint64_t end);
  void put_off_watermark();
  void note_own_bytes();
  void fail(const Status& status);

  const Options& options_;
  const Log& log_;
  LogProgress& progress_;
  Health& health_;
  Counters& counters_;
  WarmPages& warm_pages_;
  Keeper& keeper_;

  std::shared_ptr<Segment> active_;
  std::uint64_t own_bytes_ = 0;
  std::uint64_t active_min_seq_ = 0, active_max_seq_ = 0;  // of its frames; 0 and 0 without any
  std::uint64_t next_sequence_;
  std::uint64_t failed_end_ = 0;      // of a write that failed and is not undone yet; 0: there is none
  std::uint64_t last_watermark_ = 0;  // of the newest frame
  std::chrono::steady_clock::time_point watermark_due_ = {};  // while wants_watermark()
  std::int64_t last_time_ms_ = 0;
};

}  // namespace minikv::engine
