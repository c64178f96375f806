// Reading a segment from front to back: what recovery, compaction and the offline tools share.
#pragma once

#include <cassert>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/format/frame.h"
#include "engine/io/file_system.h"

namespace minikv::engine {

// Sequential reads with a window, so that small frames do not cost a system call each.
// Thread safety: not thread-safe.
class SegmentReader {
 public:
  SegmentReader(const File& file, std::uint64_t size) : file_(file), size_(size) {}

  std::uint64_t size() const { return size_; }
  // The bytes from `offset` on, as many as are there up to `length`. The view is valid until the next call.
  Result<std::string_view> bytes(std::uint64_t offset, std::uint64_t length);

 private:
  const File& file_;
  std::uint64_t size_;
  std::string window_;
  std::uint64_t window_offset_ = 0;
};

// What stands at an offset where a frame should be.
struct FrameAt {
  enum class Kind : std::uint8_t {
    kWhole,
    kDamaged,  // the header checks out, the body does not, or reaches beyond the end
    kNone,     // no frame header
    kEnd,      // the end of the segment
  };
  Kind kind = Kind::kEnd;
  FrameHeader header{};
  FrameBody body;         // views hold until the reader's next use
  std::uint64_t end = 0;  // where the next frame should stand

  // Whether there is a frame header that checks out; only then do `header` and `body` say anything.
  bool has_header() const { return kind == Kind::kWhole || kind == Kind::kDamaged; }
  // Whether the keys of all records are known, even if values are damaged.
  bool has_all_names() const { return has_header() && body.names_all; }
};

Result<FrameAt> read_frame(SegmentReader& reader, const SegmentIdentity& identity, std::uint64_t offset);

// The offset of the first frame header at or behind `offset` that checks out and that `wanted` accepts.
Result<std::optional<std::uint64_t>> find_frame(SegmentReader& reader, const SegmentIdentity& identity,
                                                std::uint64_t offset,
                                                const std::function<bool(const FrameHeader&)>& wanted);

// Stands where a frame should be, and goes from there to where the next one should:
//
//   FrameCursor cursor(reader, identity);
//   while (!cursor.is_at_end()) {
//     auto frame = cursor.read();
//     ...
//     cursor.move_to(frame->end);  // or behind damage: find_next_header()
//   }
//
// Thread safety: not thread-safe.
class FrameCursor {
 public:
  // `reader` must outlive the cursor, which shares its window: a frame's views are valid until the reader's
  // next use.
  FrameCursor(SegmentReader& reader, const SegmentIdentity& identity,
              std::uint64_t offset = sizeof(SegmentHeader))
      : reader_(reader), identity_(identity), offset_(offset) {}

  std::uint64_t offset() const { return offset_; }
  bool is_at_end() const { return offset_ >= reader_.size(); }
  SegmentReader& reader() { return reader_; }

  // Reads what stands at offset().
  Result<FrameAt> read() { return read_frame(reader_, identity_, offset_); }
  // The offset of the first frame header behind offset() that checks out; the segment's end if there is none.
  Result<std::uint64_t> find_next_header();
  // Forward only.
  void move_to(std::uint64_t offset) {
    assert(offset > offset_);
    offset_ = offset;
  }

 private:
  SegmentReader& reader_;
  const SegmentIdentity identity_;
  std::uint64_t offset_;
};

// Where the bytes end that the writer of this segment has written behind `from`, the end of its good frames:
// one past the last byte that is not zero; `from` if there is none behind it.
//
// `is_recycled`: an earlier segment has left the bytes behind the page of `from`. There the written bytes end
// with the last frame whose header checks out.
Result<std::uint64_t> end_of_writes(SegmentReader& reader, const SegmentIdentity& identity, bool is_recycled,
                                    std::uint64_t from);

// One past the last byte that is not zero; `from` if there is none behind it.
Result<std::uint64_t> end_of_data(SegmentReader& reader, std::uint64_t from);

}  // namespace minikv::engine
