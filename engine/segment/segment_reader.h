// Reading a segment from front to back: what recovery, compaction and the offline tools share.
#pragma once

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
  // The bytes from `offset` on, as many as are there up to `length`. Holds until the next call.
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
};

Result<FrameAt> read_frame(SegmentReader& reader, const SegmentIdentity& identity, std::uint64_t offset);

// The offset of the first frame header at or behind `offset` that checks out and that `wanted` accepts.
Result<std::optional<std::uint64_t>> find_frame(SegmentReader& reader, const SegmentIdentity& identity,
                                                std::uint64_t offset,
                                                const std::function<bool(const FrameHeader&)>& wanted);

// One past the last byte that is not zero; `from` if there is none behind it.
Result<std::uint64_t> end_of_data(SegmentReader& reader, std::uint64_t from);

}  // namespace minikv::engine
