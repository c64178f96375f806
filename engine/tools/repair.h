// Saves what can be saved of a damaged store, by writing a new one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tools/inspection.h"
#include "minikv/options.h"

namespace minikv::engine {

struct RepairOptions {
  // True: keys whose newest value can't be had are left out of the new store. False: they answer CORRUPT
  // there.
  bool drop_damaged = false;
  std::uint64_t segment_size = 64 * kMiB;  // of the new store
};

// A key whose newest value could not be saved.
struct LostValue {
  std::string key;
  RecordType type = RecordType::kPut;  // of the record that is lost
  std::uint64_t sequence = 0;          // of it
  FindingKind reason = FindingKind::kDamagedValue;
};

struct Repair {
  std::vector<Finding> findings;  // of the old store, notes included
  InspectionSummary summary;      // of the old store
  std::vector<LostValue> lost;    // in the order of keys
  std::uint64_t saved_keys = 0;
  std::uint64_t saved_segments = 0;
  std::uint64_t saved_bytes = 0;
  std::uint64_t next_sequence = 0;  // of the new store
  // The number of saved keys with a value that is older than damage of unknown keys: that may have been a
  // newer value of theirs, or their deletion. 0 if the keys of all damage are known.
  std::uint64_t doubtful_keys = 0;
  bool was_locked = false;

  bool is_clean() const;  // nothing is lost, and no finding is damage
};

// Reads the store in `directory` and writes a new one to `new_directory`, which must not exist or be empty.
// The new store has the newest sound record of each key, with its sequence, version and expiry. Deletions are
// honoured, and a key whose newest record is damaged never gets an older value. Versions go on above all that
// the old store may have given.
//
// The old store is read twice and only read. An error: there is no new store. Needs memory for all keys.
Result<Repair> repair_store(FileSystem& file_system, const std::string& directory,
                            const std::string& new_directory, const RepairOptions& options,
                            const Progress& progress);

}  // namespace minikv::engine
