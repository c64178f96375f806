// Hints of arbitrary bytes: reading them, and opening a small store with one of them, never ends in a crash,
// nor reads what is not there. The first byte of the input says whether checksums are put right and what is
// accepted.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "engine/format/hint.h"
#include "tests/fuzz/checksums.h"
#include "tests/fuzz/sim_store.h"
#include "tests/fuzz/target.h"
#include "tests/support/sim_file_system.h"

namespace minikv::fuzz {
namespace {

using engine::HintEntry;
using engine::HintHeader;

// The first hint of the small store: who it belongs to is filled in where the fuzzer's bytes say nothing.
struct Location {
  std::string path;
  HintHeader header{};
};

const Location& location() {
  static const Location found = [] {
    for (const std::string& path : small_store().files()) {
      if (!path.ends_with(".hint")) continue;
      Location location{path, {}};
      const std::string bytes = small_store().contents(path);
      require(bytes.size() >= sizeof(location.header));
      std::memcpy(&location.header, bytes.data(), sizeof(location.header));
      return location;
    }
    std::abort();  // it has sealed segments, so it has hints
  }();
  return found;
}

void fill_in_identity(std::string& bytes) {
  if (bytes.size() < sizeof(HintHeader)) return;
  HintHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const HintHeader& right = location().header;
  if (header.segment_id == 0) header.segment_id = right.segment_id;
  if (header.salt == 0) header.salt = right.salt;
  if (header.segment_size == 0) header.segment_size = right.segment_size;
  if (header.min_seq == 0) header.min_seq = right.min_seq;
  if (header.max_seq == 0) header.max_seq = right.max_seq;
  if (header.store_id[0] == 0) header.store_id = right.store_id;
  std::memcpy(bytes.data(), &header, sizeof(header));
}

std::string written(const engine::HintBuilder& builder, const HintHeader& header) {
  engine::HintIdentity identity;
  identity.segment_size = header.segment_size;
  sim::SimFileSystem file_system;
  {
    auto file = file_system.open("hint", engine::OpenMode::kCreate);
    require(file.is_ok() && builder.write(identity, **file).is_ok());
  }
  return file_system.disk().contents("hint");
}

// Says the same again when what it says is written anew.
void read(const std::string& bytes) {
  const auto hint = engine::parse_hint(bytes, nullptr);
  if (!hint) return require(hint.code() == StatusCode::kCorruption);
  engine::HintBuilder builder;
  std::uint64_t count = 0;
  hint->for_each([&](const HintEntry& entry) {
    require(entry.key.size() == entry.header.key_length && entry.value.size() <= entry.header.value_length);
    builder.add(entry.header, entry.key, entry.value, entry.offset);
    ++count;
    return true;
  });
  require(count == hint->entry_count() && count <= bytes.size() / sizeof(engine::HintEntryHeader));
  builder.note_time(hint->newest_time_ms());
  builder.arrange();
  require(builder.size() <= count);
  const auto again = engine::parse_hint(written(builder, hint->header()), nullptr);
  require(again.is_ok() && again->entry_count() == builder.size());
}

}  // namespace

const std::size_t kChoices = 1;

void try_input(Input input) {
  const unsigned mode = input.choices[0];
  if ((mode & 1) != 0) {
    fill_in_identity(input.bytes);
    fix_hint(input.bytes);
  }
  read(input.bytes);
  sim::SimDisk disk = small_store();
  disk.put(location().path, input.bytes);
  exercise(std::move(disk), options_of(mode), Compaction::kNo);
}

}  // namespace minikv::fuzz
