// Hint files: reading them, and writing them beside everything else that goes on.
#pragma once

#include <memory>
#include <string>

#include "engine/core/paced_file.h"
#include "engine/core/state.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment_keys.h"

namespace minikv::engine {

// kNotFound: there is none. kCorruption: not one of this segment as it is.
Result<Hint> read_hint(FileSystem& file_system, const std::string& path, const HintIdentity& identity,
                       std::string buffer = {});

// Into the store's `directory`, under a temporary name first, so that a hint is there whole or not at all.
// `hint` has been arranged.
Status write_hint(FileSystem& file_system, const std::string& directory, const HintBuilder& hint,
                  const HintIdentity& identity, const Pacing& pacing);

std::unique_ptr<const SegmentKeys> keys_of(const HintBuilder& hint);

// Reads the sealed segment and writes its hint, in the background. A hint is a cache: that one could not be
// written is logged, and costs time at the next start.
void make_hint(SharedState& state, const StoreId& store_id, const ManifestSegment& entry);

}  // namespace minikv::engine
