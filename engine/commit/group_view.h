// The store as the tasks of a group see it: the index, with the group's changes so far in front of it.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/commit/group_changes.h"
#include "engine/core/key_cursor.h"
#include "engine/core/state.h"
#include "engine/segment/segment.h"
#include "minikv/store_time.h"
#include "minikv/transaction.h"

namespace minikv {
class KeyLookup;
class RangeCount;
struct ScanOptions;
struct ScanPage;
struct UnorderedPage;
}  // namespace minikv

namespace minikv::engine {

class CountedRange;
class FoundKeys;

// Look-ups and counts of many keys take time in proportion to the keys. As a rule the task has prepared them
// before it came to the writer, and the view only applies the changes since.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class GroupView {
 public:
  // Both must outlive it.
  GroupView(SharedState& state, const GroupChanges& changes) : state_(state), changes_(changes) {}

  // All other members may be called from begin() to end(). `segment` is where the group's records will be;
  // `now` decides what has expired.
  void begin(const std::shared_ptr<Segment>& segment, const StoreTime& now) {
    assert(!is_begun() && segment != nullptr);
    segment_ = segment;
    now_ = now;
  }
  // Lets go of the segment.
  void end() {
    assert(is_begun());
    segment_.reset();
  }
  bool is_begun() const { return segment_ != nullptr; }
  const std::shared_ptr<Segment>& segment() const { return segment_; }
  const StoreTime& time() const { return now_; }
  std::int64_t now_ms() const { return now_.engine_ms; }

  // ---- one key ----

  struct Present {
    Location location;
    const char* value = nullptr;  // if this group has put it
  };
  // The key at this point of the group; nothing: there is no such key.
  std::optional<Present> find(std::string_view key) const { return find(key, hash_of(key)); }
  std::optional<Present> find(std::string_view key, std::uint64_t hash) const;
  SegmentPtr segment_of(const Location& location) const;

  // ---- many keys; these may throw std::bad_alloc ----

  ScanPage scan(const ScanOptions& options) const;
  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) const;
  // How many keys there are.
  std::uint64_t size() const;
  void look_up(KeyLookup& lookup) const;

  struct Covered {
    std::uint64_t keys = 0;     // that are there
    std::uint64_t entries = 0;  // those that have expired included

    void add(const Location& location, std::int64_t now_ms) {
      ++entries;
      if (is_present(location, now_ms)) ++keys;
    }
  };
  // What a delete of the range would cover.
  Covered count(const RangeDelete& range, const RangeCount& counted) const;

 private:
  std::vector<std::string_view> changed_keys(const Remaining& remaining) const;
  void add_changed(std::span<const std::string_view> keys, FoundKeys& found) const;
  std::optional<Covered> count_of_index(const RangeDelete& range, const CountedRange* counted) const;
  Covered walk(const RangeDelete& range) const;

  SharedState& state_;
  const GroupChanges& changes_;
  std::shared_ptr<Segment> segment_;  // null: no group
  StoreTime now_;
};

}  // namespace minikv::engine
