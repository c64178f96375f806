// What the segments outside a merge may hold, and so which tombstones are still needed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/range_deletes.h"
#include "engine/files/keeper.h"
#include "engine/io/file_system.h"
#include "engine/segment/segment.h"

namespace minikv::engine {

// A tombstone hides older records of its key, and may go when no other sealed segment can hold one. The log's
// segments do not matter, since their records are newer than all sealed ones.
//
// Thread safety: const members may be called by any number of threads at once, set() by one alone and before
// them.
class OtherSegments {
 public:
  // A sealed segment that has records.
  struct Other {
    ManifestSegment entry{};
    std::shared_ptr<Segment> segment;  // null: nothing is known of its keys
  };

  // All must outlive it. `directory` is the store's.
  OtherSegments(FileSystem& file_system, const std::string& directory, const Keeper& keeper)
      : file_system_(file_system), directory_(directory), keeper_(keeper) {}

  // To be called once, with all sealed segments but the inputs of the merge.
  void set(std::vector<Other> others);

  // Whether none of them holds a record of the key that is older than `sequence`.
  bool may_drop_tombstone(std::string_view key, std::uint64_t sequence) const;
  // The same for all keys of the range. Reads hints where the filters in memory do not decide.
  bool may_drop(const RangeDelete& range) const;

 private:
  bool holds_none_of(const RangeDelete& range, const Other& other) const;

  FileSystem& file_system_;
  const std::string& directory_;
  const Keeper& keeper_;
  std::vector<Other> others_;  // by min_seq
};

}  // namespace minikv::engine
