// Builds frames, and checks those that are read.
#include "engine/format/frame.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <iterator>

#include "engine/format/crc32c.h"
#include "engine/format/object_bytes.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kExternalValueBytes = 64 * 1024;  // from here on copying costs more than another iovec

std::uint32_t position_seed(const SegmentIdentity& identity, std::uint64_t offset) {
  const std::uint64_t position[3] = {identity.salt, identity.id.number(), offset};
  return crc32c(bytes_of(position));
}

std::uint32_t frame_checksum(const FrameHeader& header, const SegmentIdentity& identity,
                             std::uint64_t offset) {
  return crc32c(bytes_of(header).substr(offsetof(FrameHeader, body_length)), position_seed(identity, offset));
}

std::uint32_t record_checksum(std::string_view header_and_key, const SegmentIdentity& identity,
                              std::uint64_t offset) {
  return crc32c(header_and_key.substr(offsetof(RecordHeader, value_checksum)),
                position_seed(identity, offset));
}

}  // namespace

bool are_distinct(const SegmentIdentity& before, const SegmentIdentity& after) {
  return position_seed(before, 0) != position_seed(after, 0);
}

SegmentHeader make_segment_header(const SegmentIdentity& identity, SegmentKind kind, const StoreId& store_id,
                                  std::int64_t created_ms, bool is_recycled) {
  SegmentHeader header{};
  std::memcpy(header.magic, kSegmentMagic, sizeof(header.magic));
  header.format_version = kFormatVersion;
  header.kind = kind;
  if (is_recycled) header.compat_features = kCompatRecycled;
  header.segment_id = identity.id.number();
  header.salt = identity.salt;
  header.created_ms = created_ms;
  header.store_id = store_id;
  header.checksum = crc32c(bytes_of(header).substr(offsetof(SegmentHeader, format_version)));
  return header;
}

bool segment_header_checks_out(const SegmentHeader& header) {
  return std::memcmp(header.magic, kSegmentMagic, sizeof(header.magic)) == 0 &&
         header.checksum == crc32c(bytes_of(header).substr(offsetof(SegmentHeader, format_version)));
}

void FrameBuilder::begin(const SegmentIdentity& identity, std::uint64_t offset) {
  identity_ = identity;
  offset_ = offset;
  cut({});
  take(sizeof(FrameHeader));
  bytes_ = sizeof(FrameHeader);
}

void FrameBuilder::cut(const Mark& mark) {
  records_.cut(mark.records);
  pieces_.resize(mark.pieces);
  chunk_ = mark.chunk;
  used_ = mark.used;
  begun_ = mark.begun;
  bytes_ = mark.bytes;
}

// Takes up to kChunkBytes in one piece.
char* FrameBuilder::take(std::size_t bytes) {
  if (!chunks_.empty() && used_ + bytes > kChunkBytes) {
    end_piece();
    used_ = begun_ = 0;
    ++chunk_;
  }
  if (chunk_ == chunks_.size()) chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
  char* const place = chunks_[chunk_].get() + used_;
  used_ += bytes;
  return place;
}

void FrameBuilder::end_piece() {
  if (used_ > begun_) pieces_.emplace_back(chunks_[chunk_].get() + begun_, used_ - begun_);
  begun_ = used_;
}

std::uint64_t FrameBuilder::add(const NewRecord& record) {
  assert(record.key.size() <= 0xFFFF && record.value.size() <= 0xFFFFFFFF);
  RecordHeader header{};
  header.value_checksum = record.value_checksum;
  header.value_length = static_cast<std::uint32_t>(record.value.size());
  header.key_length = static_cast<std::uint16_t>(record.key.size());
  header.type = record.type;
  header.sequence = record.sequence;
  header.version = record.version;
  header.expiry_ms = record.expiry_ms;

  const std::uint64_t unpadded = sizeof(RecordHeader) + record.key.size() + record.value.size();
  const auto padding = static_cast<std::size_t>(align_up(unpadded) - unpadded);
  const bool is_external = record.value.size() >= kExternalValueBytes;
  const std::size_t copied = is_external ? 0 : record.value.size() + padding;
  char* const place = take(sizeof(header) + record.key.size() + copied);
  std::memcpy(place, &header, sizeof(header));
  char* end = std::copy(record.key.begin(), record.key.end(), place + sizeof(header));
  if (is_external) {
    end_piece();
    pieces_.push_back(record.value);
    end = take(padding);
  } else {
    end = std::copy(record.value.begin(), record.value.end(), end);
  }
  std::fill_n(end, padding, '\0');
  const std::uint64_t offset = offset_ + bytes_;
  records_.push_back({place, offset, header.key_length});
  bytes_ += align_up(unpadded);
  return offset;
}

RecordHeader FrameBuilder::last_header() const {
  RecordHeader header;
  std::memcpy(&header, records_.back().header, sizeof(header));
  return header;
}

void FrameBuilder::join_batch(std::size_t first) {
  for (std::size_t i = first; i + 1 < records_.size(); ++i) {
    records_[i].header[offsetof(RecordHeader, flags)] |= static_cast<char>(kFlagBatchContinues);
  }
}

const std::vector<std::string_view>& FrameBuilder::finish(FrameHeader header) {
  end_piece();
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const Added& record = records_[i];
    const std::string_view header_and_key(record.header, sizeof(RecordHeader) + record.key_length);
    const std::uint32_t checksum = record_checksum(header_and_key, identity_, record.offset);
    std::memcpy(record.header, &checksum, sizeof(checksum));
  }
  header.magic = kFrameMagic;
  header.body_length = static_cast<std::uint32_t>(bytes_ - sizeof(FrameHeader));
  header.record_count = static_cast<std::uint32_t>(records_.size());
  header.checksum = frame_checksum(header, identity_, offset_);
  std::memcpy(chunks_.front().get(), &header, sizeof(header));
  return pieces_;
}

void finish_empty_frame(FrameHeader& header, const SegmentIdentity& identity, std::uint64_t offset) {
  header.magic = kFrameMagic;
  header.body_length = header.record_count = 0;
  header.checksum = frame_checksum(header, identity, offset);
}

FrameBuilder::Rest FrameBuilder::shrink() {
  constexpr std::size_t kKeptChunks = 4, kKeptRecords = 4096;
  cut({});
  Rest rest;
  rest.records = records_.clear(kKeptRecords);
  if (chunks_.size() <= kKeptChunks) return rest;
  rest.chunks.assign(std::make_move_iterator(chunks_.begin() + kKeptChunks),
                     std::make_move_iterator(chunks_.end()));
  chunks_.resize(kKeptChunks);
  std::vector<std::string_view>().swap(pieces_);
  return rest;
}

std::optional<FrameHeader> parse_frame_header(std::string_view bytes, const SegmentIdentity& identity,
                                              std::uint64_t offset) {
  if (bytes.size() < sizeof(FrameHeader)) return std::nullopt;
  FrameHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kFrameMagic || header.checksum != frame_checksum(header, identity, offset))
    return std::nullopt;
  return header;
}

std::optional<RecordView> parse_record_header(std::string_view bytes, const SegmentIdentity& identity,
                                              std::uint64_t offset) {
  RecordView record;
  if (bytes.size() < sizeof(RecordHeader)) return std::nullopt;
  std::memcpy(&record.header, bytes.data(), sizeof(RecordHeader));
  const std::size_t named = sizeof(RecordHeader) + record.header.key_length;
  if (bytes.size() < named) return std::nullopt;
  if (record.header.header_checksum != record_checksum(bytes.substr(0, named), identity, offset))
    return std::nullopt;
  if (record.header.sequence == 0) return std::nullopt;  // the first one is 1; 0 means "none" everywhere
  record.offset = offset;
  record.key = bytes.substr(sizeof(RecordHeader), record.header.key_length);
  return record;
}

std::optional<RecordView> parse_record(std::string_view bytes, const SegmentIdentity& identity,
                                       std::uint64_t offset) {
  auto record = parse_record_header(bytes, identity, offset);
  if (!record) return std::nullopt;
  const std::size_t named = sizeof(RecordHeader) + record->key.size();
  if (bytes.size() - named < record->header.value_length) return std::nullopt;
  record->value = bytes.substr(named, record->header.value_length);
  record->value_intact = crc32c(record->value) == record->header.value_checksum;
  return record;
}

std::optional<RecordView> parse_cut_record(std::string_view bytes, const SegmentIdentity& identity,
                                           std::uint64_t offset) {
  auto record = parse_record_header(bytes, identity, offset);
  if (!record) return std::nullopt;
  const std::size_t named = sizeof(RecordHeader) + record->key.size();
  if (bytes.size() - named >= record->header.value_length) return std::nullopt;
  record->value_intact = false;
  return record;
}

FrameBody parse_frame_body(std::string_view body, const FrameHeader& header, const SegmentIdentity& identity,
                           std::uint64_t body_offset) {
  FrameBody result;
  result.records.reserve(std::min<std::size_t>(header.record_count, body.size() / sizeof(RecordHeader)));
  std::size_t position = 0;
  while (position < body.size()) {
    if (auto record = parse_record(body.substr(position), identity, body_offset + position)) {
      result.values_intact &= record->value_intact;
      position += std::min<std::size_t>(record->bytes(), body.size() - position);
      result.records.push_back(*record);
    } else {
      // Records stand at multiples of 8: the parser looks for the next one that checks out. The bytes in
      // between do not tell their keys.
      result.names_all = false;
      position += kAlignment;
    }
  }
  result.names_all &= result.records.size() == header.record_count;
  return result;
}

}  // namespace minikv::engine
