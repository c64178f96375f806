// What a store writes to that was opened on a disk without room for a log.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/segment/segment.h"

namespace minikv::engine {

// No file has it, and no manifest.
inline constexpr std::uint64_t kNoSegment = 0;

// A segment with this id, to which nothing can be written (kDiskFull) until the writer goes on in a real one.
std::unique_ptr<Segment> make_missing_log(const std::shared_ptr<OpenFiles>& files,
                                          const std::string& directory);

}  // namespace minikv::engine
