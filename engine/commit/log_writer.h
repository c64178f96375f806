// The end of the log: appends frames, makes them durable, and goes on in the next segment.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/core/context.h"
#include "engine/files/keeper.h"
#include "engine/format/frame.h"
#include "engine/segment/segment.h"
#include "minikv/status.h"

namespace minikv::engine {

// A group of writes takes three steps. append() writes its frame, sync() makes the frame as durable as the
// mode promises, and Publisher::publish() shows it to readers. Other work before readers see a frame comes
// between these steps; LogWriter knows nothing of the index.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class LogWriter {
 public:
  // All arguments but `active` must outlive it. The log goes on in `active`, and its next record gets
  // `next_sequence`.
  LogWriter(StoreContext& context, Keeper& keeper, std::shared_ptr<Segment> active,
            std::uint64_t next_sequence);

  const std::shared_ptr<Segment>& segment() const { return active_; }
  // The offset of the next frame in the segment.
  std::uint64_t used_bytes() const { return active_->used_bytes.load(std::memory_order_relaxed); }
  // Bytes of the disk that the segment has, written or not.
  std::uint64_t own_bytes() const { return own_bytes_; }
  std::uint64_t next_sequence() const { return next_sequence_; }
  // The segment as it would be sealed now.
  RetiredSegment active() const { return {active_, used_bytes(), active_min_seq_, active_max_seq_}; }
  bool has_frames() const { return active_max_seq_ != 0; }

  // Where the segment would end after a frame with `bytes` of records.
  std::uint64_t end_with(std::size_t bytes) const { return used_bytes() + sizeof(FrameHeader) + bytes; }
  // Whether such a frame may be appended to the segment. A frame that is alone in its segment may be of any
  // size.
  bool fits(std::size_t bytes) const {
    if (active_->id() == kNoSegment) return false;
    return used_bytes() == sizeof(SegmentHeader) || end_with(bytes) <= context_.options.segment_size;
  }

  // ---- append, sync ----

  // Writes a frame that was begun at the end of segment(). `end_sequence` is one behind the last sequence of
  // its records. On any error the frame is not part of the log, and what the write has left in the file is
  // undone before anything else is written.
  Status append(FrameBuilder& frame, std::uint64_t end_sequence, std::int64_t now_ms);
  // Makes all appended frames as durable as the mode promises. In `always` the writer syncs the file; in
  // `interval` the keeper does, and the writer waits only where a sync is late. A failed sync is final: the
  // store is read-only from then on. May throw std::bad_alloc.
  Status sync();
  // Undoes what a failed append() has left, if anything. On a full disk that may fail, where overwriting
  // takes room, too. Then each append() tries again, and fails until it succeeds. Any other failure makes the
  // store read-only.
  Status undo_failed_write() { return failed_end_ == 0 ? Status() : overwrite_failed(); }

  // ---- roll ----

  // Hands the segment over to the keeper to be synced and sealed, and goes on in the blank segment `next`.
  // Needs a successful undo_failed_write().
  void roll_to(std::shared_ptr<Segment> next);

  // ---- frames without records, which say how far the log is durable and what time it is ----

  // Whether the newest frame does not say yet that the last records are durable. Without that watermark
  // recovery could not tell damage there from a torn write.
  bool wants_watermark() const;
  // While wants_watermark(): when the watermark should be appended.
  std::chrono::steady_clock::time_point watermark_due() const { return watermark_due_; }
  // Appends the watermark, unless the last records are not durable yet. Needs wants_watermark().
  void append_watermark(std::int64_t now_ms);
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
  std::span<const std::string_view> with_rest_of_page(std::span<const std::string_view> pieces,
                                                      std::uint64_t end);
  void note_segment();
  void fail(const Status& status);

  StoreContext& context_;
  Keeper& keeper_;

  std::shared_ptr<Segment> active_;
  std::uint64_t own_bytes_ = 0;
  // In a recycled file: where the zeros behind the last frame end, which is the end of a page.
  std::uint64_t zeros_end_ = 0;
  std::vector<std::string_view> padded_;                   // the pieces of the write that is being made
  std::uint64_t active_min_seq_ = 0, active_max_seq_ = 0;  // of its frames; 0 and 0 without any
  std::uint64_t next_sequence_;
  std::uint64_t failed_end_ = 0;      // of a write that failed and is not undone yet; 0: there is none
  std::uint64_t last_watermark_ = 0;  // of the newest frame
  std::chrono::steady_clock::time_point watermark_due_ = {};  // while wants_watermark()
  std::int64_t last_time_ms_ = 0;
};

}  // namespace minikv::engine
