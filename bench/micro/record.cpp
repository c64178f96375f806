// Records and frames: encoding a group of writes, and the checks of a read and of a recovery.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/program.h"
#include "bench/support/workload.h"
#include "engine/format/crc32c.h"
#include "engine/format/frame.h"
#include "minikv/transaction.h"

namespace minikv::bench {
namespace {

using engine::FrameBuilder;
using engine::FrameHeader;

constexpr engine::SegmentIdentity kIdentity{engine::SegmentId(7), 0xFEEDFACECAFEF00D};
constexpr std::uint64_t kOffset = 4096;

// A group of writes as one frame, value checksums included.
const std::vector<std::string_view>& build(FrameBuilder& builder, const std::vector<Key>& keys,
                                           std::size_t value_bytes) {
  builder.begin(kIdentity, kOffset);
  std::uint64_t sequence = 1;
  for (const Key& key : keys) {
    const std::string_view value = value_of(key.number, value_bytes);
    builder.add({engine::RecordType::kPut, key.view(), value, value_checksum(value), sequence, sequence, 0});
    ++sequence;
  }
  FrameHeader header{};
  header.first_sequence = 1;
  return builder.finish(header);
}

std::string join(const std::vector<std::string_view>& pieces) {
  std::string whole;
  for (const std::string_view piece : pieces) whole += piece;
  return whole;
}

// Whether the bytes are a frame with these keys and their values. `body` gets the records.
bool parse_frame(std::string_view bytes, engine::FrameBody& body) {
  const auto header = engine::parse_frame_header(bytes, kIdentity, kOffset);
  if (!header) return false;
  body = engine::parse_frame_body(bytes.substr(sizeof(FrameHeader)), *header, kIdentity,
                                  kOffset + sizeof(FrameHeader));
  return body.is_whole();
}
bool holds(std::string_view bytes, const std::vector<Key>& keys, std::size_t value_bytes) {
  engine::FrameBody body;
  if (!parse_frame(bytes, body) || body.records.size() != keys.size()) return false;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const engine::RecordView& record = body.records[i];
    if (record.key != keys[i].view() || record.value != value_of(keys[i].number, value_bytes)) return false;
  }
  return true;
}

// Arguments: records in the frame, bytes of each value.
void record_encode(benchmark::State& state) {
  const std::vector<Key> keys = keys_shuffled(static_cast<std::uint64_t>(state.range(0)), 1);
  const auto value_bytes = static_cast<std::size_t>(state.range(1));
  FrameBuilder builder;
  for (auto _ : state) benchmark::DoNotOptimize(build(builder, keys, value_bytes).data());
  if (!holds(join(build(builder, keys, value_bytes)), keys, value_bytes))
    return fail(state, "the frame does not hold what went in");
  count_items(state, keys.size());
  count_bytes(state, builder.bytes());
}
BENCHMARK(record_encode)
    ->ArgNames({"records", "value"})
    ->ArgsProduct({{1, 16, 256}, {100, 1024}})
    ->Args({16, 16 * 1024});

// The check that a read makes of its copy of a record. Argument: bytes of each value.
void record_check(benchmark::State& state) {
  constexpr std::uint64_t kRecords = 1000;
  const std::vector<Key> keys = keys_shuffled(kRecords, 1);
  FrameBuilder builder;
  const std::string frame = join(build(builder, keys, static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) {
    std::string_view rest = std::string_view(frame).substr(sizeof(FrameHeader));
    std::uint64_t records = 0;
    while (!rest.empty()) {
      const std::uint64_t offset = kOffset + frame.size() - rest.size();
      const auto record = engine::parse_record(rest, kIdentity, offset);
      if (!record || !record->value_intact) return fail(state, "a record does not check out");
      rest.remove_prefix(record->bytes());
      ++records;
    }
    if (records != kRecords) return fail(state, "records are missing");
  }
  count_items(state, kRecords);
  count_bytes(state, frame.size());
}
BENCHMARK(record_check)->ArgName("value")->Arg(100)->Arg(1024)->Arg(16 * 1024);

// The check that a recovery without hints makes of a frame. Arguments as above.
void frame_check(benchmark::State& state) {
  const std::vector<Key> keys = keys_shuffled(static_cast<std::uint64_t>(state.range(0)), 1);
  FrameBuilder builder;
  const std::string frame = join(build(builder, keys, static_cast<std::size_t>(state.range(1))));
  for (auto _ : state) {
    engine::FrameBody body;
    if (!parse_frame(frame, body) || body.records.size() != keys.size())
      return fail(state, "the frame does not check out");
  }
  count_items(state, keys.size());
  count_bytes(state, frame.size());
}
BENCHMARK(frame_check)->ArgNames({"records", "value"})->ArgsProduct({{1, 16, 256}, {100, 1024}});

// Argument: bytes.
void checksum(benchmark::State& state) {
  if (engine::crc32c("123456789") != 0xE3069283) return fail(state, "this is not CRC-32C");
  const auto bytes = static_cast<std::size_t>(state.range(0));
  std::uint32_t number = 0;
  for (auto _ : state) benchmark::DoNotOptimize(engine::crc32c(value_of(++number, bytes)));
  count_items(state, 1);
  count_bytes(state, bytes);
}
BENCHMARK(checksum)->ArgName("bytes")->Arg(16)->Arg(100)->Arg(1024)->Arg(16 * 1024)->Arg(kMaxValueBytes);

}  // namespace
}  // namespace minikv::bench
