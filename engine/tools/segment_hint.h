// Compares a segment with its hint: each tells what is wrong with the other.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "engine/format/hint.h"
#include "engine/tools/store_files.h"

namespace minikv::engine {

// An intact hint names every record of its segment that is its key's newest there: also those that the disk
// has damaged.
//
// Thread safety: not thread-safe.
class SegmentHint {
 public:
  // Null: there is no hint, or it does not check out, which is reported to `findings`.
  static Result<std::unique_ptr<SegmentHint>> load(FileSystem& file_system, const std::string& directory,
                                                   const SegmentFile& segment, const StoreId& store_id,
                                                   std::vector<Finding>& findings);

  const Hint& hint() const { return hint_; }
  // The entry of the record at `offset`; null: there is none.
  const HintEntry* find(std::uint64_t offset) const;
  // Notes that a record was read in the segment. False: the hint should know it and does not, or says
  // something else.
  bool saw(const RecordView& record);
  // Shows the entries of records that were not passed to saw(), in order of offset.
  void for_each_unseen(const std::function<void(const HintEntry&)>& visit) const;

 private:
  struct Known {
    HintEntry entry;
    bool is_seen = false;
  };
  // The highest rank_of() among the records of a key.
  struct Newest {
    std::uint64_t of_value = 0;
    std::uint64_t of_any = 0;
  };

  explicit SegmentHint(Hint hint);

  Hint hint_;
  std::map<std::uint64_t, Known> by_offset_;
  std::unordered_map<std::string_view, Newest> by_key_;
};

}  // namespace minikv::engine
