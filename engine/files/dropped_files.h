// Files of dropped segments: those that wait to become the log's next spares, and those that wait to be
// unlinked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "engine/base/one_at_a_time.h"
#include "engine/core/context.h"
#include "engine/format/layout.h"

namespace minikv::engine {

// A spare that is made of such a file needs no zeros: its blocks are allocated and written already, which is
// all that zeros are written for. So in a steady state, in which compaction drops as many segments as the log
// fills, the log is written once.
//
// The files are those of segments that the manifest calls dropped, and that have no reader. They are closed,
// and keep their names until they are recycled or unlinked. A crash leaves them to the next start, which
// unlinks them.
//
// Thread safety: recyclable_bytes() and surplus_bytes() may be called from any thread, the others by the
// keeper's alone.
class DroppedFiles {
 public:
  explicit DroppedFiles(const StoreContext& context) : context_(context) {}

  // The file of the dropped segment `entry` has `file_bytes`. `store_bytes`, those of all segments, limit how
  // many files are kept to be recycled.
  void add(const ManifestSegment& entry, std::uint64_t file_bytes, std::uint64_t store_bytes);
  // A file that can be recycled; nothing: there is none.
  std::optional<ManifestSegment> take_recyclable();
  // A file that is to be unlinked: one that is not worth keeping or, if `all`, any.
  std::optional<ManifestSegment> take(bool all);

  bool is_empty() const { return recyclable_.empty() && others_.empty(); }
  bool has_recyclable() const { return !recyclable_.empty(); }
  // Whether there are files that are not worth keeping.
  bool has_surplus() const { return !others_.empty() || recyclable_.size() > most_; }
  std::uint64_t recyclable_bytes() const { return recyclable_bytes_.load(std::memory_order_relaxed); }
  // About how many bytes the files have that are not worth keeping.
  std::uint64_t surplus_bytes() const;
  // Until when files are worth keeping, by the steady clock, unless others are added or recycled before.
  std::int64_t kept_until_ms() const { return changed_at_ms_ + kKeptMs; }

 private:
  static constexpr std::int64_t kKeptMs = 60'000;

  bool is_recyclable(const ManifestSegment& entry, std::uint64_t file_bytes) const;

  const StoreContext& context_;
  OneAtATime calls_;
  std::deque<ManifestSegment> recyclable_, others_;
  std::size_t most_ = 0;  // that are kept to be recycled
  std::atomic<std::uint64_t> recyclable_bytes_{0}, other_bytes_{0}, most_bytes_{0};
  std::int64_t changed_at_ms_ = 0;
};

}  // namespace minikv::engine
