// How a frame gets to the end of the log and becomes durable, and how a write that failed is undone.
#include "engine/commit/log_writer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "engine/base/out_of_memory.h"
#include "engine/format/object_bytes.h"

namespace minikv::engine {
namespace {

constexpr auto kWatermarkDelay = std::chrono::milliseconds(100);

Status zero_out(File& file, std::uint64_t begin, std::uint64_t end) {
  static constexpr char kZeros[64 * 1024] = {};
  while (begin < end) {
    const std::string_view piece(
        kZeros, static_cast<std::size_t>(std::min<std::uint64_t>(sizeof(kZeros), end - begin)));
    MINIKV_TRY(file.write(begin, std::array{piece}));
    begin += piece.size();
  }
  return {};
}

}  // namespace

LogWriter::LogWriter(StoreContext& context, Keeper& keeper, std::shared_ptr<Segment> active,
                     std::uint64_t next_sequence)
    : context_(context), keeper_(keeper), active_(std::move(active)), next_sequence_(next_sequence) {
  note_segment();
}

// The log goes on in another segment.
void LogWriter::note_segment() {
  const auto size = active_->file().size();
  own_bytes_ = size ? *size : 0;
  zeros_end_ = kPageBytes;
}

void LogWriter::fail(const Status& status) {
  context_.log.error("the store is read-only until it is restarted: {}", status.message());
  context_.health.fail(status);
}

// ---- append ----

FrameHeader LogWriter::next_header(std::int64_t now_ms) const {
  FrameHeader header{};
  header.first_sequence = next_sequence_;
  header.engine_time_ms = now_ms;
  header.watermark = context_.durable_sequence.load(std::memory_order_acquire);
  return header;
}

Status LogWriter::append(FrameBuilder& frame, std::uint64_t end_sequence, std::int64_t now_ms) {
  assert(end_sequence >= next_sequence_);
  MINIKV_TRY(undo_failed_write());
  const FrameHeader header = next_header(now_ms);
  const Status written = without_throwing([&] { return write(frame.finish(header), frame.bytes()); });
  if (!written) return refuse(written, frame.record_count());
  note_appended(header, frame.bytes(), end_sequence);
  return {};
}

Status LogWriter::append_mark(std::int64_t now_ms) {
  MINIKV_TRY(undo_failed_write());
  FrameHeader header = next_header(now_ms);
  finish_empty_frame(header, active_->identity(), used_bytes());
  const Status written =
      without_throwing([&] { return write(std::array{bytes_of(header)}, sizeof(header)); });
  if (!written) return refuse(written, 0);
  note_appended(header, sizeof(header), next_sequence_);
  return {};
}

Status LogWriter::write(std::span<const std::string_view> pieces, std::uint64_t bytes) {
  const std::uint64_t offset = used_bytes();
  const std::uint64_t end = offset + bytes;
  failed_end_ = end;  // until it has succeeded
  if (!active_->is_recycled() || end <= zeros_end_) {
    MINIKV_TRY(active_->file().write(offset, pieces));
  } else {
    const auto padded = with_rest_of_page(pieces, end);
    failed_end_ = end + padded.back().size();
    MINIKV_TRY(active_->file().write(offset, padded));
    zeros_end_ = failed_end_;
  }
  failed_end_ = 0;
  return {};
}

// With zeros up to the end of the page. So the kernel need not read the page of a recycled file before it can
// change a part of it; and recovery sees that nothing was written there.
std::span<const std::string_view> LogWriter::with_rest_of_page(std::span<const std::string_view> pieces,
                                                               std::uint64_t end) {
  static constexpr char kZeros[kPageBytes] = {};
  const std::uint64_t rest = end < own_bytes_ ? (kPageBytes - end % kPageBytes) % kPageBytes : 0;
  padded_.assign(pieces.begin(), pieces.end());
  padded_.emplace_back(kZeros,
                       static_cast<std::size_t>(std::min(rest, own_bytes_ - std::min(end, own_bytes_))));
  return padded_;
}

Status LogWriter::refuse(const Status& why, std::size_t records) {
  (void)undo_failed_write();
  // The keeper logs a full disk, once.
  if (why.code() != StatusCode::kDiskFull)
    context_.log.error("a group of {} records was refused: {}", records, why.message());
  return why;
}

// Must not fail, since the frame is written.
void LogWriter::note_appended(const FrameHeader& header, std::uint64_t bytes,
                              std::uint64_t end_sequence) noexcept {
  const std::uint64_t offset = used_bytes();
  context_.resident_pages.touch(active_->marks(), offset, bytes);
  last_watermark_ = header.watermark;
  last_time_ms_ = header.engine_time_ms;
  put_off_watermark();
  active_->used_bytes.store(offset + bytes, std::memory_order_relaxed);
  if (active_min_seq_ == 0) active_min_seq_ = next_sequence_;
  next_sequence_ = end_sequence;
  active_max_seq_ = end_sequence - 1;
  context_.written_sequence.store(end_sequence - 1, std::memory_order_release);
}

// ---- a write that failed ----

Status LogWriter::overwrite_failed() {
  Status undone = without_throwing([this] { return overwrite(used_bytes(), failed_end_); });
  if (undone) failed_end_ = 0;
  if (!undone && undone.code() != StatusCode::kDiskFull) fail(undone);
  return undone;
}

// Overwrites the frame with zeros, so that recovery never takes it for part of the log. The file keeps its
// blocks, since on a full disk there are no others.
Status LogWriter::overwrite(std::uint64_t offset, std::uint64_t end) {
  File& file = active_->file();
  if (zero_out(file, offset, std::min(end, own_bytes_)))
    return end > own_bytes_ ? file.truncate(std::max(offset, own_bytes_)) : Status();
  MINIKV_TRY(keeper_.allow_cut(active_->id(), offset));
  own_bytes_ = std::min(own_bytes_, offset);
  return file.truncate(offset);
}

// ---- sync ----

Status LogWriter::sync() {
  assert(failed_end_ == 0);
  if (context_.options.fsync == Fsync::kNever) return {};
  if (context_.options.fsync == Fsync::kInterval) {
    keeper_.syncer().note_unsynced();
    return keeper_.syncer().wait_while_late();
  }
  // After any failed sync the store is read-only, since what the disk holds is unknown.
  if (Status synced = without_throwing([this] { return active_->file().sync(); }); !synced) {
    fail(synced);
    return synced;
  }
  context_.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  context_.note_durable(next_sequence_ - 1);
  return {};
}

// ---- roll ----

void LogWriter::roll_to(std::shared_ptr<Segment> next) {
  assert(failed_end_ == 0);
  assert(next != active_ && next->used_bytes.load(std::memory_order_relaxed) == sizeof(SegmentHeader));
  RetiredSegment full = active();
  // A segment without records ends at the last sequence that was given, so that the next segment begins
  // behind it.
  if (full.max_seq == 0) full.min_seq = full.max_seq = next_sequence_ - 1;
  keeper_.retire(full, next);
  active_ = std::move(next);
  note_segment();
  active_min_seq_ = active_max_seq_ = 0;
}

// ---- the watermark ----

bool LogWriter::wants_watermark() const {
  if (context_.options.fsync == Fsync::kNever || context_.health.is_read_only()) return false;
  return has_frames() && last_watermark_ + 1 < next_sequence_;
}

void LogWriter::put_off_watermark() { watermark_due_ = std::chrono::steady_clock::now() + kWatermarkDelay; }

void LogWriter::append_watermark(std::int64_t now_ms) {
  assert(wants_watermark());
  put_off_watermark();
  const std::uint64_t durable = context_.durable_sequence.load(std::memory_order_acquire);
  if (durable + 1 < next_sequence_) return;
  if (!append_mark(now_ms)) {
    last_watermark_ = durable;  // the log has no room: not tried again for the same records
    return;
  }
  if (context_.options.fsync == Fsync::kAlways) (void)sync();
}

}  // namespace minikv::engine
