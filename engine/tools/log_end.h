// Finds where the log ends, and tells a write that a crash has torn from damage by the disk.
#pragma once

#include <vector>

#include "engine/tools/store_files.h"

namespace minikv::engine {

// Sets `end` and `data_end` of all segments by the rules of recovery (docs/FORMAT.md). The log's frames count
// up to the first break, unless the watermark of a later frame says that the bytes at the break had been
// synced. Of a sealed segment everything counts. `segments` is in the order of StoreFiles::segments().
Status find_log_end(std::vector<SegmentFile>& segments);

}  // namespace minikv::engine
