// The missing log: takes the place of the log of a store that was opened on a disk without room for one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/segment/segment.h"

namespace minikv::engine {

// The id of the missing log, which no file and no manifest has.
inline constexpr std::uint64_t kNoSegment = 0;

// A segment with that id. Writes to it fail (kDiskFull) until the writer goes on in a real one.
std::unique_ptr<Segment> make_missing_log(const std::shared_ptr<OpenFiles>& files,
                                          const std::string& directory);

}  // namespace minikv::engine
