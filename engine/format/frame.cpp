#include "engine/format/frame.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "engine/format/crc32c.h"
#include "engine/format/object_bytes.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kExternalValueBytes = 64 * 1024;  // from here on copying costs more than another iovec

std::uint32_t position_seed(const SegmentIdentity& identity, std::uint64_t offset) {
  const std::uint64_t position[3] = {identity.salt, identity.id, offset};
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

SegmentHeader make_segment_header(const SegmentIdentity& identity, SegmentKind kind,
                                  const std::uint8_t (&store_id)[16], std::int64_t created_ms) {
  SegmentHeader header{};
  std::memcpy(header.magic, kSegmentMagic, sizeof(header.magic));
  header.format_version = kFormatVersion;
  header.kind = kind;
  header.segment_id = identity.id;
  header.salt = identity.salt;
  header.created_ms = created_ms;
  std::memcpy(header.store_id, store_id, sizeof(header.store_id));
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
  bytes_ = sizeof(FrameHeader);
  buffer_.assign(sizeof(FrameHeader), '\0');
  records_.clear();
  externals_.clear();
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

  const std::uint64_t offset = offset_ + bytes_;
  records_.push_back({buffer_.size(), offset, header.key_length});
  buffer_.append(bytes_of(header));
  buffer_.append(record.key);
  if (record.value.size() < kExternalValueBytes) {
    buffer_.append(record.value);
  } else {
    externals_.push_back({buffer_.size(), record.value});
  }
  const std::uint64_t unpadded = sizeof(RecordHeader) + record.key.size() + record.value.size();
  buffer_.append(align_up(unpadded) - unpadded, '\0');
  bytes_ += align_up(unpadded);
  return offset;
}

RecordHeader FrameBuilder::last_header() const {
  RecordHeader header;
  std::memcpy(&header, buffer_.data() + records_.back().position, sizeof(header));
  return header;
}

void FrameBuilder::join_batch(std::size_t first) {
  for (std::size_t i = first; i + 1 < records_.size(); ++i) {
    buffer_[records_[i].position + offsetof(RecordHeader, flags)] |= static_cast<char>(kFlagBatchContinues);
  }
}

const std::vector<std::string_view>& FrameBuilder::finish(FrameHeader header) {
  for (const Added& record : records_) {
    const std::string_view header_and_key(buffer_.data() + record.position,
                                          sizeof(RecordHeader) + record.key_length);
    const std::uint32_t checksum = record_checksum(header_and_key, identity_, record.offset);
    std::memcpy(buffer_.data() + record.position, &checksum, sizeof(checksum));
  }
  header.magic = kFrameMagic;
  header.body_length = static_cast<std::uint32_t>(bytes_ - sizeof(FrameHeader));
  header.record_count = static_cast<std::uint32_t>(records_.size());
  header.checksum = frame_checksum(header, identity_, offset_);
  std::memcpy(buffer_.data(), &header, sizeof(header));

  pieces_.clear();
  const std::string_view buffer(buffer_);
  std::size_t position = 0;
  for (const External& external : externals_) {
    pieces_.push_back(buffer.substr(position, external.position - position));
    pieces_.push_back(external.value);
    position = external.position;
  }
  if (position < buffer.size()) pieces_.push_back(buffer.substr(position));
  return pieces_;
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
      // Records stand at multiples of 8: look for the next one that checks out. What lies between has no name.
      result.names_all = false;
      position += kAlignment;
    }
  }
  result.names_all &= result.records.size() == header.record_count;
  return result;
}

}  // namespace minikv::engine
