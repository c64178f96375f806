// Building and reading frames: the unit that a group commit appends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/chunked_vector.h"
#include "engine/format/layout.h"

namespace minikv::engine {

// What header checksums are bound to, besides the offset.
struct SegmentIdentity {
  std::uint64_t id = 0;
  std::uint64_t salt = 0;
};

SegmentHeader make_segment_header(const SegmentIdentity& identity, SegmentKind kind, const StoreId& store_id,
                                  std::int64_t created_ms);
bool segment_header_checks_out(const SegmentHeader& header);

// A record on its way to disk. Key and value are not owned.
struct NewRecord {
  RecordType type = RecordType::kPut;
  std::string_view key;
  std::string_view value;
  std::uint32_t value_checksum = 0;
  std::uint64_t sequence = 0;
  std::uint64_t version = 0;
  std::int64_t expiry_ms = 0;
};

// Collects the records of one frame. Small values are copied, large ones referred to. What is collected lies
// in chunks, so that a large frame grows without being copied, and its memory can be given back.
//
// Where a member throws std::bad_alloc, cut() brings back what was there before.
// Thread safety: not thread-safe.
class FrameBuilder {
 public:
  // How far it has come.
  struct Mark {
    std::size_t records = 0;
    std::size_t pieces = 0;
    std::size_t chunk = 0;
    std::size_t used = 0, begun = 0;  // of the chunk
    std::uint64_t bytes = 0;
  };
  using Chunk = std::unique_ptr<char[]>;

  // Where the frame will stand; forgets what was collected.
  void begin(const SegmentIdentity& identity, std::uint64_t offset);
  // Returns the offset in the segment at which the record will stand. `record.value` must stay as it is until
  // the pieces were written.
  std::uint64_t add(const NewRecord& record);
  // Of the record that was added last, as it stands now: without its checksum.
  RecordHeader last_header() const;
  // All records from the `first`-th on form one batch.
  void join_batch(std::size_t first);
  Mark mark() const { return {records_.size(), pieces_.size(), chunk_, used_, begun_, bytes_}; }
  // Forgets what was added since.
  void cut(const Mark& mark);

  std::size_t record_count() const { return records_.size(); }
  std::uint64_t bytes() const { return bytes_; }  // of the whole frame, its header included

  // Fills in the checksums. `header` gives sequences, time and watermark; the rest is set here. The pieces
  // hold until the next call of a member; called once a frame.
  const std::vector<std::string_view>& finish(FrameHeader header);

  struct Added {
    char* header = nullptr;
    std::uint64_t offset = 0;  // in the segment
    std::uint16_t key_length = 0;
  };
  // Forgets what was collected, and returns what memory an ordinary frame does not need: to free it may take
  // a while.
  struct Rest {
    std::vector<Chunk> chunks;
    ChunkedVector<Added>::Chunks records;
  };
  Rest shrink();

 private:
  // Longer than any record whose value is copied.
  static constexpr std::size_t kChunkBytes = 256 * 1024;

  char* take(std::size_t bytes);
  void end_piece();

  SegmentIdentity identity_;
  std::uint64_t offset_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0;             // the one that is being filled
  std::size_t used_ = 0, begun_ = 0;  // of it; from `begun_` on it is not in a piece yet
  ChunkedVector<Added> records_;
  std::vector<std::string_view> pieces_;
};

// Fills in the rest of a frame without records, which is a header alone, as FrameBuilder::finish() does.
void finish_empty_frame(FrameHeader& header, const SegmentIdentity& identity, std::uint64_t offset);

// A record as it was read. The views point into the bytes that were parsed.
struct RecordView {
  RecordHeader header{};
  std::uint64_t offset = 0;
  std::string_view key;
  std::string_view value;
  bool value_intact = true;

  std::uint64_t bytes() const { return record_bytes(key.size(), value.size()); }
};

// The frame header at the front of `bytes`, which stand at `offset`, if it checks out.
std::optional<FrameHeader> parse_frame_header(std::string_view bytes, const SegmentIdentity& identity,
                                              std::uint64_t offset);

// The record header at the front of `bytes`, its key included, if it checks out. The value may be missing
// from `bytes`: then RecordView::value is empty and its checksum unchecked, which is what reading keys alone
// needs.
std::optional<RecordView> parse_record_header(std::string_view bytes, const SegmentIdentity& identity,
                                              std::uint64_t offset);

// The whole record at the front of `bytes`; nothing if the header does not check out or bytes are missing. A
// damaged value shows in `value_intact`.
std::optional<RecordView> parse_record(std::string_view bytes, const SegmentIdentity& identity,
                                       std::uint64_t offset);

// The record at the front of `bytes`, where these end within its value: that is lost, and what the record
// says of itself is known.
std::optional<RecordView> parse_cut_record(std::string_view bytes, const SegmentIdentity& identity,
                                           std::uint64_t offset);

struct FrameBody {
  std::vector<RecordView> records;  // those whose headers check out, in order
  bool names_all = true;            // every byte of the body belongs to one of `records`
  bool values_intact = true;
  bool is_whole() const { return names_all && values_intact; }
};
FrameBody parse_frame_body(std::string_view body, const FrameHeader& header, const SegmentIdentity& identity,
                           std::uint64_t body_offset);

}  // namespace minikv::engine
