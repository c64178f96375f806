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

// Header checksums are bound to it, and to the offset.
struct SegmentIdentity {
  SegmentId id;
  std::uint64_t salt = 0;
};

// Whether no header of frame or record that was written as `before` checks out as `after`. The checksum of a
// header begins with salt, id and offset. CRCs are linear: two identities have the same beginning at every
// offset, or at none.
bool are_distinct(const SegmentIdentity& before, const SegmentIdentity& after);

SegmentHeader make_segment_header(const SegmentIdentity& identity, SegmentKind kind, const StoreId& store_id,
                                  std::int64_t created_ms, bool is_recycled = false);
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

// Collects the records of one frame. Small values are copied, large ones referred to. The records lie in
// chunks, so that a large frame grows without being copied and its memory can be given back.
//
// After a member has thrown std::bad_alloc, cut() to an earlier mark restores the state at that mark.
// Thread safety: not thread-safe.
class FrameBuilder {
 public:
  // A state of the builder, which cut() restores.
  struct Mark {
    std::size_t records = 0;
    std::size_t pieces = 0;
    std::size_t chunk = 0;
    std::size_t used = 0, begun = 0;  // of the chunk
    std::uint64_t bytes = 0;
  };
  using Chunk = std::unique_ptr<char[]>;

  // Begins an empty frame that will stand at `offset`.
  void begin(const SegmentIdentity& identity, std::uint64_t offset);
  // Returns the offset in the segment at which the record will stand. `record.value` must stay unchanged
  // until the pieces have been written.
  std::uint64_t add(const NewRecord& record);
  // The header of the record that was added last, which has no checksum yet.
  RecordHeader last_header() const;
  // Makes all records from the `first`-th on one batch.
  void join_batch(std::size_t first);
  Mark mark() const { return {records_.size(), pieces_.size(), chunk_, used_, begun_, bytes_}; }
  // Removes the records that were added since `mark`.
  void cut(const Mark& mark);

  std::size_t record_count() const { return records_.size(); }
  std::uint64_t bytes() const { return bytes_; }  // of the whole frame, its header included

  // Fills in the checksums. `header` gives sequences, time and watermark; the rest is set here. The pieces
  // are valid until the next call of a member. Called once a frame.
  const std::vector<std::string_view>& finish(FrameHeader header);

  struct Added {
    char* header = nullptr;
    std::uint64_t offset = 0;  // in the segment
    std::uint16_t key_length = 0;
  };
  // Memory that an ordinary frame does not need.
  struct Rest {
    std::vector<Chunk> chunks;
    ChunkedVector<Added>::Chunks records;
  };
  // Removes all records. Returns memory instead of freeing it, because that may take a while.
  Rest shrink();

 private:
  // Larger than any record whose value is copied.
  static constexpr std::size_t kChunkBytes = 256 * 1024;

  char* take(std::size_t bytes);
  void end_piece();

  SegmentIdentity identity_;
  std::uint64_t offset_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0;             // the one that is being filled
  std::size_t used_ = 0, begun_ = 0;  // bytes of it; those from `begun_` on are not in a piece yet
  ChunkedVector<Added> records_;
  std::vector<std::string_view> pieces_;
};

// Completes a frame without records, which is a header alone, as FrameBuilder::finish() does.
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
// from `bytes`: RecordView::value is empty and its checksum unchecked, so that a caller can read keys alone.
std::optional<RecordView> parse_record_header(std::string_view bytes, const SegmentIdentity& identity,
                                              std::uint64_t offset);

// The whole record at the front of `bytes`; nothing if the header does not check out or bytes are missing. A
// damaged value shows in `value_intact`.
std::optional<RecordView> parse_record(std::string_view bytes, const SegmentIdentity& identity,
                                       std::uint64_t offset);

// The record at the front of `bytes`, if these end within its value: the value is lost, the header and the
// key are known.
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
