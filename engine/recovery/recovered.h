// What the start of a store has found in its files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/format/manifest.h"
#include "engine/recovery/record_loader.h"
#include "engine/segment/segment.h"

namespace minikv::engine {

struct Recovered {
  Manifest manifest;  // as it should be committed next: all log segments sealed, what is of no use dropped
  std::shared_ptr<Segment> spare;  // blank, or null
  std::uint64_t next_sequence = 1;
  std::vector<Overlong> overlong;  // to be cut, once the manifest is durable
  std::vector<LostKey> lost;
  std::vector<ManifestSegment> without_hint;  // sealed segments that had to be scanned, and may have a hint
  std::vector<std::string> accepted;          // files with damage that is accepted now, as `manifest` says
};

}  // namespace minikv::engine
