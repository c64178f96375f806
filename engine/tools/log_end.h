// Where the log ends: what a crash tears is told from what the disk damaged.
#pragma once

#include <vector>

#include "engine/tools/store_files.h"

namespace minikv::engine {

// Sets `end` and `data_end` of all segments by the rules of recovery (docs/FORMAT.md): the log's frames count
// up to the first break, unless the watermark of a later frame says that what should stand there had been
// synced; of a sealed segment everything counts. Segments in the order of StoreFiles::segments().
Status find_log_end(std::vector<SegmentFile>& segments);

}  // namespace minikv::engine
