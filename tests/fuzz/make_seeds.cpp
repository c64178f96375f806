// Writes inputs that the fuzzers of the storage format begin with, of the format as it is: make_seeds
// DIRECTORY makes DIRECTORY/frame, manifest, hint and recovery.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/crc32c.h"
#include "engine/format/frame.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"

namespace minikv::fuzz {
namespace {

using engine::FrameBuilder;
using engine::ManifestSegment;
using engine::NewRecord;
using engine::RecordType;
using engine::SegmentState;

void save(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string frame_of(const std::vector<NewRecord>& records, std::uint64_t first_sequence, bool is_batch) {
  FrameBuilder builder;
  builder.begin({engine::SegmentId(7), 1}, 64);
  for (NewRecord record : records) {
    record.value_checksum = engine::crc32c(record.value);
    builder.add(record);
  }
  if (is_batch) builder.join_batch(0);
  engine::FrameHeader header{};
  header.first_sequence = first_sequence;
  header.engine_time_ms = 1'700'000'000'000;
  header.watermark = first_sequence - 1;
  std::string bytes;
  for (const std::string_view piece : builder.finish(header)) bytes += piece;
  return bytes;
}

NewRecord record(RecordType type, std::string_view key, std::string_view value, std::uint64_t sequence) {
  return {.type = type, .key = key, .value = value, .sequence = sequence, .version = sequence};
}

// A piece of a log with records of every type.
std::vector<std::string> frames() {
  NewRecord expiring = record(RecordType::kPut, "session", "token", 3);
  expiring.expiry_ms = 1'700'000'060'000;
  NewRecord touch = record(RecordType::kExpire, "session", "", 6);
  touch.version = 3;
  touch.expiry_ms = 1'700'000'120'000;
  NewRecord lost = record(RecordType::kLost, "c", "\x01", 8);
  lost.version = 2;
  return {
      frame_of({record(RecordType::kPut, "a", "1", 1)}, 1, false),
      frame_of({record(RecordType::kPut, "c", "a longer value, of two words and more", 2), expiring,
                record(RecordType::kDelete, "a", "", 4)},
               2, true),
      frame_of({record(RecordType::kPut, "", "of the empty key", 5)}, 5, false),
      frame_of({touch, record(RecordType::kRangeDelete, "a", "b", 7)}, 6, false),
      frame_of({lost}, 8, false),
      frame_of({}, 9, false),
      frame_of({record(RecordType::kPut, "z", "without a sequence", 0)}, 9, false),
  };
}

void save_frames(const std::filesystem::path& directory, std::string_view prefix) {
  std::string all;
  int number = 0;
  for (const std::string& frame : frames()) {
    all += frame;
    save(directory / ("frame" + std::to_string(++number)), std::string(prefix) + frame);
  }
  save(directory / "all", std::string(prefix) + all);
  save(directory / "all-and-zeros", std::string(prefix) + all + std::string(200, '\0') + frames().front());
}

// Zeros stand for the store's own identity, and for the salts, sizes and kinds of its segments.
std::string manifest_of(const std::vector<SegmentState>& states, std::uint64_t clean_sequence) {
  engine::Manifest manifest;
  manifest.generation = 12;
  manifest.seq_limit = std::uint64_t{1} << 25;
  manifest.clean_sequence = clean_sequence;
  manifest.engine_time_ms = 1'700'000'000'000;
  std::uint64_t id = 1;
  for (const SegmentState state : states) {
    ManifestSegment entry{};
    entry.id = id++;
    entry.state = state;
    manifest.segments.push_back(entry);
  }
  manifest.next_segment_id = id;
  return engine::encode_manifest(manifest);
}

void save_manifests(const std::filesystem::path& directory) {
  using enum SegmentState;
  const std::string modes[] = {std::string("\1\1", 2), std::string("\7\1", 2), std::string("\3\2", 2)};
  int number = 0;
  for (const std::string& mode : modes) {
    for (const auto& states : {std::vector<SegmentState>{},
                               {kSealed},
                               {kSealed, kActive, kSpare},
                               {kDropped, kDropped, kDropped, kSealed, kSealed, kSealed, kActive, kSpare},
                               {kDropped, kDropped, kDropped, kDropped, kDropped, kDropped, kSealed, kSealed,
                                kSealed, kSealed, kActive, kSpare}}) {
      ++number;
      std::string bytes = manifest_of(states, number % 2 == 0 ? 40U : 0U);
      save(directory / std::to_string(number), mode + bytes);
      if (states.size() < 2) continue;
      const std::size_t first = sizeof(engine::ManifestHeader), second = first + sizeof(ManifestSegment);
      bytes.replace(second, sizeof(ManifestSegment), bytes, first, sizeof(ManifestSegment));
      save(directory / (std::to_string(number) + "-twice"), mode + bytes);
    }
  }
}

// Zeros stand for the segment's identity.
void save_hints(const std::filesystem::path& directory) {
  std::string body;
  std::uint64_t offset = 120, count = 0;
  const auto add = [&](const NewRecord& record) {
    engine::HintEntryHeader entry{};
    entry.offset = offset;
    entry.record.type = record.type;
    entry.record.key_length = static_cast<std::uint16_t>(record.key.size());
    entry.record.value_length = static_cast<std::uint32_t>(record.value.size());
    entry.record.sequence = record.sequence;
    entry.record.version = record.version;
    body.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
    body += record.key;
    if (record.type != RecordType::kPut) body += record.value;
    body.resize(engine::align_up(body.size()), '\0');
    offset += engine::record_bytes(record.key.size(), record.value.size());
    engine::HintHeader header{};
    header.entry_count = ++count;
    header.body_bytes = body.size();
    const std::string_view bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    save(directory / std::to_string(count), '\1' + std::string(bytes) + body);
  };
  add(record(RecordType::kPut, "a", "1", 1));
  add(record(RecordType::kDelete, "d", "", 2));
  add(record(RecordType::kPut, "key0", "of some length", 3));
  add(record(RecordType::kExpire, "key0", "", 4));
  add(record(RecordType::kRangeDelete, "key1", "key3", 5));
  add(record(RecordType::kLost, "key4", "\x01", 6));
}

}  // namespace
}  // namespace minikv::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds DIRECTORY\n");
    return 2;
  }
  using namespace minikv::fuzz;
  const std::filesystem::path directory = argv[1];
  save_frames(directory / "frame" / "plain", "\1");
  save_frames(directory / "frame" / "window", "\xFF");
  for (const std::string_view prefix :
       {std::string_view("\1\x80\xFF", 3), std::string_view("\3\x40\x80", 3),
        std::string_view("\x9\xFF\xFF", 3), std::string_view("\1\0\xFF", 3)}) {
    save_frames(directory / "recovery" / std::to_string(static_cast<unsigned char>(prefix[1])), prefix);
  }
  save_manifests(directory / "manifest");
  save_hints(directory / "hint");
  return 0;
}
