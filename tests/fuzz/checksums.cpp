// Goes through the bytes as the format lays them out, and sets each checksum to what it should be.
#include "tests/fuzz/checksums.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "engine/format/crc32c.h"
#include "engine/format/layout.h"

namespace minikv::fuzz {
namespace {

using engine::FrameHeader;
using engine::HintEntryHeader;
using engine::HintHeader;
using engine::ManifestHeader;
using engine::ManifestSegment;
using engine::RecordHeader;

bool is_left_alone(std::uint32_t checksum) { return (checksum & 0xFF) == kLeaveAlone; }

template <typename T>
T read_at(const std::string& bytes, std::size_t at) {
  T object;
  std::memcpy(&object, bytes.data() + at, sizeof(T));
  return object;
}

template <typename T>
void write_at(std::string& bytes, std::size_t at, const T& object) {
  std::memcpy(bytes.data() + at, &object, sizeof(T));
}

std::uint32_t seed_of(const engine::SegmentIdentity& identity, std::uint64_t offset) {
  const std::uint64_t position[3] = {identity.salt, identity.id.number(), offset};
  return engine::crc32c({reinterpret_cast<const char*>(position), sizeof(position)});
}

// Of `size` bytes at `at`; the first four are the checksum itself.
void seal(std::string& bytes, std::size_t at, std::size_t size, std::uint32_t seed) {
  const std::string_view covered = std::string_view(bytes).substr(at + 4, size - 4);
  write_at(bytes, at, engine::crc32c(covered, seed));
}

// The record at `at` of a body that ends at `end`; where the next one stands.
std::size_t fix_record(std::string& bytes, std::size_t at, std::size_t end,
                       const engine::SegmentIdentity& identity, std::uint64_t offset) {
  auto header = read_at<RecordHeader>(bytes, at);
  const std::size_t room = end - at - sizeof(RecordHeader);
  header.key_length = static_cast<std::uint16_t>(std::min<std::size_t>(header.key_length, room));
  const std::size_t value_room = room - header.key_length;
  if (!is_left_alone(header.value_checksum)) {
    header.value_length = static_cast<std::uint32_t>(std::min<std::size_t>(header.value_length, value_room));
    const auto value =
        std::string_view(bytes).substr(at + sizeof(RecordHeader) + header.key_length, header.value_length);
    header.value_checksum = engine::crc32c(value);
  }
  write_at(bytes, at, header);
  seal(bytes, at, sizeof(RecordHeader) + header.key_length, seed_of(identity, offset));
  return at + static_cast<std::size_t>(engine::record_bytes(header.key_length, header.value_length));
}

std::size_t fix_frame(std::string& bytes, std::size_t at, const engine::SegmentIdentity& identity,
                      std::uint64_t offset) {
  auto header = read_at<FrameHeader>(bytes, at);
  header.magic = engine::kFrameMagic;
  const std::size_t body = at + sizeof(FrameHeader);
  const std::size_t room = bytes.size() - body;
  if (header.term % 2 == 0) {
    const std::size_t length = std::min<std::size_t>(header.body_length, room);
    header.body_length = static_cast<std::uint32_t>(length & ~std::size_t{engine::kAlignment - 1});
  }
  const std::size_t end = body + std::min<std::size_t>(header.body_length, room);
  std::uint32_t count = 0;
  for (std::size_t next = body; next + sizeof(RecordHeader) <= end;) {
    if (is_left_alone(read_at<RecordHeader>(bytes, next).header_checksum)) {
      next += engine::kAlignment;
    } else {
      next = fix_record(bytes, next, end, identity, offset + (next - at));
      ++count;
    }
  }
  if (header.commit_sequence % 2 == 0) header.record_count = count;
  write_at(bytes, at, header);
  const std::size_t covered_from = offsetof(FrameHeader, checksum);
  seal(bytes, at + covered_from, sizeof(FrameHeader) - covered_from, seed_of(identity, offset));
  return end;
}

}  // namespace

void fix_frames(std::string& bytes, const engine::SegmentIdentity& identity, std::uint64_t offset) {
  for (std::size_t at = 0; at + sizeof(FrameHeader) <= bytes.size();) {
    if (is_left_alone(read_at<FrameHeader>(bytes, at).checksum)) {
      at += engine::kAlignment;
    } else {
      at = engine::align_up(fix_frame(bytes, at, identity, offset + at));
    }
  }
}

void fix_hint(std::string& bytes) {
  if (bytes.size() < sizeof(HintHeader)) return;
  auto header = read_at<HintHeader>(bytes, 0);
  if (is_left_alone(header.checksum)) return;
  bytes.resize(engine::align_up(bytes.size()));
  std::memcpy(header.magic, engine::kHintMagic, sizeof(header.magic));
  if (header.reserved2 % 2 == 0) {
    std::size_t at = sizeof(header);
    header.entry_count = 0;
    while (at + sizeof(HintEntryHeader) <= bytes.size()) {
      auto entry = read_at<HintEntryHeader>(bytes, at);
      const std::size_t room = bytes.size() - at - sizeof(entry);
      entry.record.key_length =
          static_cast<std::uint16_t>(std::min<std::size_t>(entry.record.key_length, room));
      std::size_t kept = 0;
      if (entry.record.type != engine::RecordType::kPut) {
        kept = std::min<std::size_t>(entry.record.value_length, room - entry.record.key_length);
        entry.record.value_length = static_cast<std::uint32_t>(kept);
      }
      write_at(bytes, at, entry);
      at += static_cast<std::size_t>(engine::align_up(sizeof(entry) + entry.record.key_length + kept));
      ++header.entry_count;
    }
    bytes.resize(std::min(at, bytes.size()));
    header.body_bytes = bytes.size() - sizeof(header);
    header.format_version = engine::kFormatVersion;
    header.incompat_features = 0;
  }
  header.body_checksum = engine::crc32c(std::string_view(bytes).substr(sizeof(header)));
  write_at(bytes, 0, header);
  const std::size_t covered_from = offsetof(HintHeader, checksum);
  seal(bytes, covered_from, sizeof(header) - covered_from, 0);
}

void fix_manifest(std::string& bytes) {
  if (bytes.size() < sizeof(ManifestHeader)) return;
  auto header = read_at<ManifestHeader>(bytes, 0);
  if (is_left_alone(header.checksum)) return;
  std::memcpy(header.magic, engine::kManifestMagic, sizeof(header.magic));
  const std::size_t room = (bytes.size() - sizeof(ManifestHeader)) / sizeof(ManifestSegment);
  header.segment_count = static_cast<std::uint32_t>(std::min<std::size_t>(header.segment_count, room));
  write_at(bytes, 0, header);
  const std::size_t length = sizeof(ManifestHeader) + header.segment_count * sizeof(ManifestSegment);
  const std::size_t covered_from = offsetof(ManifestHeader, checksum);
  seal(bytes, covered_from, length - covered_from, 0);
}

}  // namespace minikv::fuzz
