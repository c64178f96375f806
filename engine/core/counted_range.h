// A count of the keys in a range, kept up to date while writes go on.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/core/range_deletes.h"
#include "engine/index/entry.h"

namespace minikv::engine {

// A thread walks over the range in slices, and counts the part that it has passed. The writer adds every
// change of that part when it publishes the change. So the thread has nothing to look at again at the end,
// however long the walk took.
//
// Thread safety: members that begin with note_ need the readers' lock exclusively. The others that are not
// const need it shared, and are called by the walking thread alone. let_go() may be called at any time.
class CountedRange {
 public:
  // Keys that expire after `now_ms` count as there.
  CountedRange(std::string from, std::string to, std::int64_t now_ms)
      : from_(std::move(from)), to_(std::move(to)), now_ms_(now_ms) {}

  // Counts an entry. All entries before it must have been counted.
  void add(std::string_view key, const Location& location);
  // All entries up to `key`, included, have been counted.
  void reach(std::string_view key) {
    assert(!is_whole_ && key >= (has_begun_ ? reached_ : from_));
    reached_ = key;
    has_begun_ = true;
  }
  void finish() {
    assert(!is_whole_);
    is_whole_ = true;
  }

  void note_new(std::string_view key, const Location& location);
  void note_gone(std::string_view key, const Location& location);
  void note_range(const RangeDelete& range);

  // Whether the count is right: a range delete of only a part of what was counted makes it wrong.
  bool is_right() const { return is_right_; }
  bool is_whole() const { return is_whole_; }
  // Counted entries of the index that no range delete covers; and those of them that are there at now_ms().
  std::uint64_t entries() const { return entries_; }
  std::uint64_t keys() const { return keys_; }
  std::int64_t now_ms() const { return now_ms_; }
  const std::string& from() const { return from_; }
  const std::string& to() const { return to_; }
  const std::string& reached() const { return reached_; }
  bool has_begun() const { return has_begun_; }

  void let_go() { is_wanted_.store(false, std::memory_order_release); }
  bool is_wanted() const { return is_wanted_.load(std::memory_order_acquire); }

 private:
  bool is_counted(std::string_view key) const;

  const std::string from_, to_;
  const std::int64_t now_ms_;
  std::string reached_;
  bool has_begun_ = false, is_whole_ = false, is_right_ = true;
  std::uint64_t entries_ = 0, keys_ = 0;
  std::atomic<bool> is_wanted_{true};
};

// All counts that the writer keeps up to date.
// Thread safety: add() needs the readers' lock shared, the others exclusively.
class CountedRanges {
 public:
  void add(std::shared_ptr<CountedRange> range) MINIKV_EXCLUDES(mutex_);
  bool is_empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  // The index has gained an entry, or lost one. An entry that a range delete covers was lost by that delete
  // already.
  void note_new(std::string_view key, const Location& location) MINIKV_EXCLUDES(mutex_);
  void note_gone(std::string_view key, const Location& location) MINIKV_EXCLUDES(mutex_);
  void note_range(const RangeDelete& deleted) MINIKV_EXCLUDES(mutex_);

 private:
  template <typename Visitor>
  void for_each(Visitor visit) MINIKV_EXCLUDES(mutex_);

  std::atomic<std::size_t> count_{0};
  Mutex mutex_;
  std::vector<std::shared_ptr<CountedRange>> ranges_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::engine
