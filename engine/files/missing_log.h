// The missing log: takes the place of the log of a store that was opened on a disk without room for one.
#pragma once

#include <memory>
#include <string>

#include "engine/segment/segment.h"

namespace minikv::engine {

// A segment with the id kNoSegment. Writes to it fail (kDiskFull) until the writer goes on in a real one.
std::unique_ptr<Segment> make_missing_log(const std::shared_ptr<OpenFiles>& files,
                                          const std::string& directory);

}  // namespace minikv::engine
