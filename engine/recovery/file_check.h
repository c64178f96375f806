// Whether a directory holds what its manifest says, and nothing else.
#pragma once

#include <string>
#include <vector>

#include "engine/core/context.h"
#include "engine/format/manifest.h"

namespace minikv::engine {

// For a directory without a manifest. Ok: a store may be made there, since the directory is empty but for
// what an interrupted creation leaves behind. kRefused: the message names what is in the way.
Status check_is_blank(const std::string& directory, const std::vector<std::string>& names);

// Compares the directory with the manifest. Returns the names of files that are left over from interrupted
// work and may be removed. kRefused: the message names a file that is missing or does not belong there. Takes
// out of `manifest` the entries of spares that were never finished, and raises its next segment id above all
// that are there. Changes nothing on disk.
Result<std::vector<std::string>> check_files(const StoreContext& context, Manifest& manifest);

}  // namespace minikv::engine
