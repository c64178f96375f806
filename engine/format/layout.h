// What lies on disk, byte for byte. docs/FORMAT.md tells it in full, with an example in hex.
//
//   segment := SegmentHeader frame*           frames are 8-byte aligned; behind the last one: zeros, or end,
//                                             or in a recycled file what an earlier segment has left
//   frame   := FrameHeader record*            valid as a whole or not there
//   record  := RecordHeader key value pad     padded with zeros to 8 bytes
//
// All numbers are little-endian, all checksums CRC-32C. The checksum of a frame header and of a record header
// is bound to the segment (salt and id) and to the offset, so that bytes from elsewhere, or from another
// incarnation of the file, never pass for either. The checksum of a value covers the value alone and travels
// with it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "engine/format/segment_id.h"
#include "engine/format/store_id.h"

namespace minikv::engine {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and is read in place");

inline constexpr std::uint16_t kFormatVersion = 1;
// Incompatible feature bits. One that is not known: the store is refused.
//
// The manifest says how long a file is before it is cut to that. So no crash leaves a file that is shorter
// than the manifest says; versions that don't know the bit cut first.
inline constexpr std::uint32_t kFeatureLengths = 1U << 0;
// The manifest ends with a ManifestLead: engine time is ahead of the wall clock. Versions that don't know the
// bit would take the expiries that clients name for engine time. The bit goes when the wall clock has caught
// up.
inline constexpr std::uint32_t kFeatureLead = 1U << 1;
// An active segment or a spare is in a recycled file (kSegmentRecycled). Versions that don't know the bit
// would take the bytes behind the log's end for a torn write. The bit goes with the last such segment.
inline constexpr std::uint32_t kFeatureRecycled = 1U << 2;
inline constexpr std::uint32_t kKnownIncompatFeatures = kFeatureLengths | kFeatureLead | kFeatureRecycled;
// Compatible feature bit of a segment's header: as kSegmentRecycled, for tools that have no manifest.
inline constexpr std::uint32_t kCompatRecycled = 1U << 0;
inline constexpr std::uint64_t kAlignment = 8;

enum class SegmentKind : std::uint8_t { kLog = 1, kCompacted = 2 };

struct SegmentHeader {
  char magic[8];
  std::uint32_t checksum;  // of the bytes behind it
  std::uint16_t format_version;
  SegmentKind kind;
  std::uint8_t reserved;
  std::uint32_t compat_features;
  std::uint32_t incompat_features;
  std::uint64_t segment_id;
  std::uint64_t salt;  // random, new for each segment
  std::int64_t created_ms;
  StoreId store_id;
};
static_assert(sizeof(SegmentHeader) == 64 && std::is_trivially_copyable_v<SegmentHeader>);
inline constexpr char kSegmentMagic[8] = {'M', 'I', 'N', 'I', 'K', 'V', 'S', 'G'};

struct FrameHeader {
  std::uint32_t magic;
  std::uint32_t checksum;     // of the bytes behind it, bound to salt, id and offset
  std::uint32_t body_length;  // bytes of records, a multiple of 8
  std::uint32_t record_count;
  std::uint64_t first_sequence;   // of its records; of an empty frame: the one that comes next
  std::uint64_t term;             // zero until the log is replicated
  std::uint64_t commit_sequence;  // zero until the log is replicated
  std::int64_t engine_time_ms;
  std::uint64_t
      watermark;  // the last sequence whose write had returned before the last successful sync was called
};
static_assert(sizeof(FrameHeader) == 56 && std::is_trivially_copyable_v<FrameHeader>);
inline constexpr std::uint32_t kFrameMagic = 0x4D52464B;  // "KFRM"

enum class RecordType : std::uint8_t {
  kPut = 1,
  kDelete = 2,
  kExpire = 3,       // a key and its new expiry; the value stays where it is
  kRangeDelete = 4,  // key: the first key; value: the first key behind the range, or empty: to the last key
  kLost = 5,         // the key's record at `sequence` was damaged; value: one byte, its type
};

// Bits of RecordHeader::flags. The upper four bits are the codec of the value (0: as it is).
inline constexpr std::uint8_t kFlagBatchContinues = 0x01;  // the next record belongs to the same batch
inline constexpr std::uint8_t kKnownRecordFlags = kFlagBatchContinues;

struct RecordHeader {
  std::uint32_t header_checksum;  // of the bytes behind it and the key, bound to salt, id and offset
  std::uint32_t value_checksum;   // of the value alone
  std::uint32_t value_length;
  std::uint16_t key_length;
  RecordType type;
  std::uint8_t flags;
  std::uint64_t sequence;  // orders everything
  std::uint64_t version;   // names the value: the sequence of the write that made it
  std::int64_t expiry_ms;  // or 0
};
static_assert(sizeof(RecordHeader) == 40 && std::is_trivially_copyable_v<RecordHeader>);

// The record's rank among the records of its key: a `lost` record stands for the one that it names.
constexpr std::uint64_t rank_of(const RecordHeader& header) {
  return header.type == RecordType::kLost ? header.version : header.sequence;
}

constexpr std::uint64_t align_up(std::uint64_t n) { return (n + kAlignment - 1) & ~(kAlignment - 1); }
constexpr std::uint64_t record_bytes(std::size_t key_length, std::uint64_t value_length) {
  return align_up(sizeof(RecordHeader) + key_length + value_length);
}

// Offsets in the index count units of 8 bytes in 32 bits.
inline constexpr std::uint64_t kMaxSegmentBytes =
    std::uint64_t{std::numeric_limits<std::uint32_t>::max()} * kAlignment;
inline constexpr std::uint64_t kSequenceBlock = std::uint64_t{1}
                                                << 24;  // by which the manifest's seq_limit is raised

// Bits of ManifestSegment::flags.
//
// Of an active segment or a spare: the file was a segment that compaction has dropped. Behind the frames are
// bytes of that earlier segment, which don't check out under the identity of this one. The rest of the page
// in which the last frame ends is zeros.
inline constexpr std::uint8_t kSegmentRecycled = 0x01;

enum class SegmentState : std::uint8_t {
  kSealed = 1,
  kActive = 2,
  kSpare = 3,
  kDropped = 4,  // compacted away; the file is to be unlinked or recycled, and may be gone
};

struct ManifestHeader {
  char magic[8];
  std::uint32_t checksum;  // of the bytes behind it, to the end of the entries
  std::uint16_t format_version;
  std::uint16_t reserved;
  std::uint32_t compat_features;
  std::uint32_t incompat_features;
  std::uint64_t generation;  // grows with every commit
  StoreId store_id;
  std::uint64_t next_segment_id;
  std::uint64_t seq_limit;       // no sequence at or above it has ever been issued
  std::uint64_t clean_sequence;  // the next sequence, after a clean close; else 0
  std::int64_t engine_time_ms;
  std::uint32_t segment_count;
  std::uint32_t reserved2;
};
static_assert(sizeof(ManifestHeader) == 88 && std::is_trivially_copyable_v<ManifestHeader>);
inline constexpr char kManifestMagic[8] = {'M', 'I', 'N', 'I', 'K', 'V', 'M', 'F'};
inline constexpr std::uint64_t kPageBytes = 4096;

struct ManifestSegment {
  std::uint64_t id;
  std::uint64_t salt;
  std::uint64_t
      size;  // sealed: of the frames; active and spare: as prepared, or cut to. The file may be longer
  std::uint64_t min_seq;  // of its records; sealed without any: 0 and 0, or its position in the log
  std::uint64_t max_seq;
  SegmentKind kind;
  SegmentState state;
  std::uint8_t flags;
  std::uint8_t reserved;
  // Sealed: stands for what can't be read of it and was accepted to be lost (engine/segment/survey.h); 0:
  // nothing. Versions that don't know it keep it, and refuse the segment.
  std::uint32_t accepted_loss;
};
static_assert(sizeof(ManifestSegment) == 48 && std::is_trivially_copyable_v<ManifestSegment>);

// Of an entry whose id was checked, as a manifest is when it is decoded.
constexpr SegmentId id_of(const ManifestSegment& segment) { return SegmentId(segment.id); }

// Behind the last entry, with kFeatureLead: where engine time's lead over the wall clock began.
struct ManifestLead {
  std::uint32_t checksum;  // of the bytes behind it; begins with the manifest's
  std::uint32_t reserved;
  std::int64_t wall_ms;
  std::int64_t engine_ms;
  std::int64_t steady_ms;  // of the machine's steady clock
  std::uint64_t boot;      // tells one start of that machine from another; 0: not known
};
static_assert(sizeof(ManifestLead) == 40 && std::is_trivially_copyable_v<ManifestLead>);

// A hint: what a sealed segment says about its keys, without the values; sorted by key. Only a cache of the
// segment: one that does not fit in every point is not used.
//
//   hint  := HintHeader entry*
//   entry := HintEntryHeader key [value] pad       no value of a put; padded to 8 bytes
struct HintHeader {
  char magic[8];
  std::uint32_t checksum;  // of the bytes behind it, to the end of the header
  std::uint16_t format_version;
  std::uint16_t reserved;
  std::uint32_t compat_features;
  std::uint32_t incompat_features;
  std::uint64_t segment_id;
  std::uint64_t salt;          // of the segment
  std::uint64_t segment_size;  // as in the manifest
  std::uint64_t min_seq;       // as in the manifest
  std::uint64_t max_seq;
  std::int64_t newest_time_ms;  // the engine time of its newest frame
  std::uint64_t entry_count;
  std::uint64_t body_bytes;
  StoreId store_id;
  std::uint32_t body_checksum;
  std::uint32_t reserved2;
};
static_assert(sizeof(HintHeader) == 112 && std::is_trivially_copyable_v<HintHeader>);
inline constexpr char kHintMagic[8] = {'M', 'I', 'N', 'I', 'K', 'V', 'H', 'T'};

struct HintEntryHeader {
  std::uint64_t offset;  // of the record
  RecordHeader record;   // as it stands in the segment
};
static_assert(sizeof(HintEntryHeader) == 48 && std::is_trivially_copyable_v<HintEntryHeader>);

}  // namespace minikv::engine
