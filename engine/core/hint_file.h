// Hint files: reading them, and writing them beside the other work.
#pragma once

#include <memory>
#include <string>

#include "engine/core/paced_file.h"
#include "engine/core/state.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment_keys.h"

namespace minikv::engine {

// kNotFound: there is no hint. kCorruption: the file is not a hint of this segment in its present state.
// `buffer` lends its memory to the hint.
Result<Hint> read_hint(FileSystem& file_system, const std::string& path, const HintIdentity& identity,
                       std::string buffer = {});

// Writes the hint into the store's `directory`, under a temporary name first, so that it is there as a whole
// or not at all. `hint` must have been arranged.
Status write_hint(FileSystem& file_system, const std::string& directory, const HintBuilder& hint,
                  const HintIdentity& identity, const Pacing& pacing);

std::unique_ptr<const SegmentKeys> keys_of(const HintBuilder& hint);

// Reads the sealed segment and writes its hint, in the background. A hint is a cache: a failure is logged,
// and only costs time at the next start.
void make_hint(SharedState& state, const StoreId& store_id, const ManifestSegment& entry);

}  // namespace minikv::engine
