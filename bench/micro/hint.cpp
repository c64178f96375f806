// Hints: the store makes one when it seals a segment, and reads all of them when it opens.
#include "engine/format/hint.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/program.h"
#include "bench/support/scratch.h"
#include "bench/support/workload.h"
#include "engine/io/file_system.h"

namespace minikv::bench {
namespace {

using engine::HintBuilder;

// The keys of small records in a segment of the usual size, in the order of their writes.
std::vector<Key> keys_of_segment() {
  constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} * 1024 * 1024;
  const std::uint64_t fit = kSegmentBytes / engine::record_bytes(kKeyBytes, kValueBytes);
  return keys_shuffled(std::min(settings().keys, fit), 8);
}

engine::HintIdentity identity(const std::vector<Key>& keys) {
  engine::HintIdentity made;
  made.segment = {engine::SegmentId(1), 2};
  made.segment_size = (keys.size() + 2) * engine::record_bytes(kKeyBytes, kValueBytes);
  made.min_seq = 1;
  made.max_seq = keys.size();
  return made;
}

void collect(HintBuilder& builder, const std::vector<Key>& keys) {
  std::uint64_t sequence = 0;
  for (const Key& key : keys) {
    engine::RecordHeader header{};
    header.type = engine::RecordType::kPut;
    header.key_length = kKeyBytes;
    header.value_length = kValueBytes;
    header.sequence = header.version = ++sequence;
    builder.add(header, key.view(), {}, sequence * engine::record_bytes(kKeyBytes, kValueBytes));
  }
  builder.arrange();
}

// Collects the keys of a segment and sorts them, but writes no file.
void hint_make(benchmark::State& state) {
  const std::vector<Key> keys = keys_of_segment();
  for (auto _ : state) {
    HintBuilder builder;
    collect(builder, keys);
    if (builder.size() != keys.size()) return fail(state, "the hint lacks keys");
  }
  count_items(state, keys.size());
}
BENCHMARK(hint_make)->Unit(benchmark::kMillisecond);

// Checks the bytes of a hint and iterates over its keys.
void hint_read(benchmark::State& state) {
  const std::vector<Key> keys = keys_of_segment();
  const engine::HintIdentity of = identity(keys);
  const ScratchDirectory directory;
  auto file = engine::FileSystem::posix().open(directory.path() + "/hint", engine::OpenMode::kCreate);
  if (!check(state, file.status(), "create")) return;
  {
    HintBuilder builder;
    collect(builder, keys);
    if (!check(state, builder.write(of, **file), "write")) return;
  }
  const Result<std::uint64_t> size = (*file)->size();
  if (!check(state, size.status(), "size")) return;
  for (auto _ : state) {
    std::string bytes(*size, '\0');
    if (!check(state, (*file)->read(0, bytes), "read")) return;
    const Result<engine::Hint> hint = engine::parse_hint(std::move(bytes), &of);
    if (!check(state, hint.status(), "parse")) return;
    std::uint64_t seen = 0;
    std::string_view last;
    hint->for_each([&](const engine::HintEntry& told) {
      const bool in_order = seen == 0 || last < told.key;
      last = told.key;
      ++seen;
      return in_order;
    });
    if (seen != keys.size()) return fail(state, "the hint lacks keys, or they are not in order");
  }
  count_items(state, keys.size());
}
BENCHMARK(hint_read)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace minikv::bench
