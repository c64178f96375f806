// Hints: the keys of a sealed segment without its values, so that a start reads no values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/frame.h"
#include "engine/io/file_system.h"

namespace minikv::engine {

// The segment that a hint must belong to.
struct HintIdentity {
  StoreId store_id{};
  SegmentIdentity segment;
  std::uint64_t segment_size = 0;
  std::uint64_t min_seq = 0;
  std::uint64_t max_seq = 0;
};

HintIdentity hint_identity(const StoreId& store_id, const ManifestSegment& segment);

// One record as a hint describes it. The views are valid as long as the bytes that were parsed.
struct HintEntry {
  RecordHeader header{};
  std::uint64_t offset = 0;
  std::string_view key;
  std::string_view value;  // of a range delete and of a `lost` record; a put's is not there
};

// Collects what a segment says about its keys; of several records that say the same about a key the newest
// stays. Thread safety: not thread-safe.
class HintBuilder {
 public:
  void add(const RecordHeader& header, std::string_view key, std::string_view value, std::uint64_t offset);
  void note_time(std::int64_t engine_time_ms);
  void clear();

  // Sorts the entries and drops those that a newer one of the same key makes useless. To be called before
  // for_each() and write(); add() may not follow.
  void arrange();
  std::size_t size() const { return entries_.size(); }
  void for_each(const std::function<void(const HintEntry&)>& visit) const;

  // Writes the hint into a new, empty file and syncs it.
  Status write(const HintIdentity& identity, File& file) const;

 private:
  void sort_entries();
  void prefetch(std::size_t i) const;
  std::string_view key_at(std::size_t position) const;
  HintEntry parse(std::size_t position) const;

  std::string bytes_;                 // entries as they are written, in the order in which they came
  std::vector<std::size_t> entries_;  // their positions
  std::int64_t newest_time_ms_ = 0;
};

// A hint that has been read and checked.
class Hint {
 public:
  std::int64_t newest_time_ms() const { return header_.newest_time_ms; }
  std::uint64_t entry_count() const { return header_.entry_count; }
  const HintHeader& header() const { return header_; }
  // Shows the entries in the order of keys. Returns false as soon as `visit` does.
  bool for_each(const std::function<bool(const HintEntry&)>& visit) const;
  // Hands out the bytes that it was parsed from, for a caller that can reuse the memory.
  std::string release() && { return std::move(bytes_); }

 private:
  friend Result<Hint> parse_hint(std::string bytes, const HintIdentity* identity);
  HintHeader header_{};
  std::string bytes_;
};

// The hint in `bytes`, a whole file. kCorruption: damaged, or of another segment than `identity` (if that is
// given); the message says which.
Result<Hint> parse_hint(std::string bytes, const HintIdentity* identity);

}  // namespace minikv::engine
