// Opening a store whose segments hold arbitrary bytes: one sealed, one active, and behind it perhaps a spare
// in use. The first byte of the input says whether checksums are put right and what is accepted, the second
// and third where the bytes are cut into segments.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/format/file_names.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"
#include "tests/fuzz/checksums.h"
#include "tests/fuzz/sim_store.h"
#include "tests/fuzz/target.h"
#include "tests/support/sim_run.h"

namespace minikv::fuzz {
namespace {

using engine::ManifestSegment;
using engine::SegmentKind;
using engine::SegmentState;

struct Part {
  SegmentKind kind;
  SegmentState state;
  std::string frames;
};

sim::SimDisk store_of(const std::vector<Part>& parts, bool fix) {
  sim::SimDisk disk;
  const std::string directory = std::string(sim::kStoreDirectory) + "/";
  engine::Manifest manifest;
  manifest.store_id[0] = 0x42;
  manifest.generation = 1;
  manifest.next_segment_id = parts.size() + 1;
  manifest.seq_limit = std::uint64_t{1} << 48;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const engine::SegmentIdentity identity{engine::SegmentId(i + 1), 0x5A17 + i};
    const auto header = engine::make_segment_header(identity, parts[i].kind, manifest.store_id, 1);
    std::string frames = parts[i].frames;
    if (fix) fix_frames(frames, identity, sizeof(header));
    const std::string bytes = std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + frames;
    disk.put(directory + engine::segment_name(identity.id), bytes);
    ManifestSegment entry{};
    entry.id = identity.id.number();
    entry.salt = identity.salt;
    entry.size = bytes.size();
    entry.kind = parts[i].kind;
    entry.state = parts[i].state;
    if (entry.state == SegmentState::kSealed) {
      entry.min_seq = 1;
      entry.max_seq = manifest.seq_limit - 1;
    }
    manifest.segments.push_back(entry);
  }
  const std::string encoded = engine::encode_manifest(manifest);
  disk.put(directory + engine::ManifestFile::kName, encoded + encoded);
  disk.put(directory + "LOCK", "");
  return disk;
}

}  // namespace

const std::size_t kChoices = 3;

void try_input(Input input) {
  const unsigned mode = input.choices[0];
  const std::string& bytes = input.bytes;
  const std::size_t first = bytes.size() * input.choices[1] / 256;
  const std::size_t second = std::max(first, bytes.size() * input.choices[2] / 256);
  std::vector<Part> parts = {
      {(mode & 8) != 0 ? SegmentKind::kCompacted : SegmentKind::kLog, SegmentState::kSealed,
       bytes.substr(0, first)},
      {SegmentKind::kLog, SegmentState::kActive, bytes.substr(first, second - first)},
  };
  if (second < bytes.size()) parts.push_back({SegmentKind::kLog, SegmentState::kSpare, bytes.substr(second)});
  exercise(store_of(parts, (mode & 1) != 0), options_of(mode));
}

}  // namespace minikv::fuzz
