// Checks every byte of a store that no process has open, and changes nothing.
#pragma once

#include <string>
#include <vector>

#include "engine/tools/inspection.h"

namespace minikv::engine {

struct Verification {
  std::vector<Finding> findings;  // notes included
  InspectionSummary summary;
  bool was_locked = false;  // false: no lock kept other processes away meanwhile

  bool is_clean() const;  // no finding is damage
};

// kLocked, kNotFound, kRefused, kIoError: it could not be checked. Needs little memory, however many keys
// there are; a damaged store is read twice.
Result<Verification> verify_store(FileSystem& file_system, const std::string& directory,
                                  const Progress& progress);

}  // namespace minikv::engine
