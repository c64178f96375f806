// Where the log ends: before a torn write, or behind damage that had been synced.
#include "engine/tools/log_end.h"

#include <algorithm>

#include "engine/segment/segment_reader.h"

namespace minikv::engine {
namespace {

struct SeenFrame {
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
  FrameHeader header{};
  bool is_whole = false;
  bool names_all = false;

  std::uint64_t next_sequence() const { return header.first_sequence + header.record_count; }
};

struct OpenLog {
  SegmentFile* segment = nullptr;
  std::vector<SeenFrame> frames;
};

// All frame headers that check out, those behind damage included.
Result<std::vector<SeenFrame>> frames_of(const SegmentFile& segment) {
  std::vector<SeenFrame> frames;
  SegmentReader reader(*segment.file, segment.file_size);
  FrameCursor cursor(reader, segment.identity());
  while (!cursor.is_at_end()) {
    MINIKV_ASSIGN_OR_RETURN(const auto frame, cursor.read());
    if (frame.has_header()) {
      const bool is_whole = frame.kind == FrameAt::Kind::kWhole;
      frames.push_back({cursor.offset(), frame.end, frame.header, is_whole, frame.body.names_all});
      if (frame.end <= segment.file_size) {
        cursor.move_to(frame.end);
        continue;
      }
    }
    MINIKV_ASSIGN_OR_RETURN(const std::uint64_t next, cursor.find_next_header());
    cursor.move_to(next);
  }
  return frames;
}

class LogEnd {
 public:
  explicit LogEnd(std::vector<OpenLog> logs) : logs_(std::move(logs)) {}

  Status find() {
    std::uint64_t expected = 0;
    bool counts = true;
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      SegmentFile& segment = *logs_[i].segment;
      segment.end = std::min<std::uint64_t>(sizeof(SegmentHeader), segment.file_size);
      MINIKV_TRY(find_data_end(segment));
      if (!counts) continue;
      // The manifest does not know the first sequence of a spare in use, only that it follows the segment
      // before it.
      if (segment.entry.state == SegmentState::kActive) expected = segment.entry.min_seq;
      MINIKV_ASSIGN_OR_RETURN(counts, walk(i, expected));
      counts = counts || segment.data_end <= segment.end;
    }
    return {};
  }

 private:
  static Status find_data_end(SegmentFile& segment) {
    SegmentReader reader(*segment.file, segment.file_size);
    MINIKV_ASSIGN_OR_RETURN(segment.data_end,
                            end_of_writes(reader, segment.identity(), segment.is_recycled(), segment.end));
    return {};
  }

  // Moves the segment's end behind the frames that count. False: the log ends there, before a torn write.
  Result<bool> walk(std::size_t index, std::uint64_t& expected) {
    const std::vector<SeenFrame>& frames = logs_[index].frames;
    SegmentFile& segment = *logs_[index].segment;
    std::size_t next = 0;
    for (;;) {
      while (next < frames.size() && frames[next].offset < segment.end) ++next;
      const bool is_here = next < frames.size() && frames[next].offset == segment.end;
      const bool follows = is_here && (expected == 0 || frames[next].header.first_sequence == expected);
      if (follows && frames[next].is_whole) {
        expected = frames[next].next_sequence();
        segment.end = frames[next].end;
        continue;
      }
      // Where the written bytes of a recycled file end depends on where the frames end.
      if (segment.is_recycled()) MINIKV_TRY(find_data_end(segment));
      if (segment.end >= segment.data_end || goes_on_behind(index, expected)) return true;
      if (!is_covered(index, expected)) return false;
      // The bytes at the segment's end had been synced: they are damaged, not torn.
      if (is_here && frames[next].end <= segment.file_size) {
        const bool knows_next = frames[next].is_whole || (frames[next].names_all && follows);
        expected = knows_next ? frames[next].next_sequence() : 0;
        segment.end = frames[next].end;
      } else {
        next += is_here ? 1 : 0;
        segment.end = next < frames.size() ? frames[next].offset : segment.data_end;
        expected = 0;
      }
    }
  }

  // Whether the writer went on in the next segment: then nothing is missing before it.
  bool goes_on_behind(std::size_t index, std::uint64_t expected) const {
    if (index + 1 >= logs_.size() || expected == 0) return false;
    const std::vector<SeenFrame>& frames = logs_[index + 1].frames;
    return !frames.empty() && frames.front().offset == sizeof(SegmentHeader) &&
           frames.front().header.first_sequence == expected;
  }

  bool is_covered(std::size_t index, std::uint64_t expected) const {
    for (std::size_t i = index; i < logs_.size(); ++i) {
      for (const SeenFrame& frame : logs_[i].frames) {
        if (i == index && frame.offset <= logs_[i].segment->end) continue;
        if (frame.header.watermark != 0 && frame.header.watermark >= expected) return true;
      }
    }
    return false;
  }

  std::vector<OpenLog> logs_;
};

}  // namespace

Status find_log_end(std::vector<SegmentFile>& segments) {
  std::vector<OpenLog> logs;
  for (SegmentFile& segment : segments) {
    if (!segment.file) continue;
    SegmentReader reader(*segment.file, segment.file_size);
    segment.end = std::min(segment.file_size, segment.entry.size);
    if (segment.is_sealed()) {
      MINIKV_ASSIGN_OR_RETURN(segment.data_end, end_of_data(reader, segment.end));
      continue;
    }
    MINIKV_ASSIGN_OR_RETURN(auto frames, frames_of(segment));
    logs.push_back({&segment, std::move(frames)});
  }
  return LogEnd(std::move(logs)).find();
}

}  // namespace minikv::engine
