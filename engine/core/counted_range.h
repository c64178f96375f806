// How many keys of a range there are, kept up to date while writes go on.
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

// A thread walks over the range in slices; what is behind it is counted, and every change of that part is
// added as it is published. So there is nothing to look at again at the end, however long it took.
//
// Thread safety: members that are not const need the readers' lock: exclusively where they begin with note_,
// shared by the one thread that walks otherwise. let_go() may be called at any time.
class CountedRange {
 public:
  // Keys that expire after `now_ms` are there.
  CountedRange(std::string from, std::string to, std::int64_t now_ms)
      : from_(std::move(from)), to_(std::move(to)), now_ms_(now_ms) {}

  // Counts an entry, and all before it are counted.
  void add(std::string_view key, const Place& place);
  // All before and at `key` are counted.
  void reach(std::string_view key) {
    assert(!is_whole_ && key >= (has_begun_ ? reached_ : from_));
    reached_ = key;
    has_begun_ = true;
  }
  void finish() {
    assert(!is_whole_);
    is_whole_ = true;
  }

  void note_new(std::string_view key, const Place& place);
  void note_gone(std::string_view key, const Place& place);
  void note_range(const RangeDelete& range);

  // Not interrupted by a range delete of a part of what was counted, and not over.
  bool is_right() const { return is_right_; }
  bool is_whole() const { return is_whole_; }
  // Entries of the index that no range delete covers; and those of them that are there at now_ms().
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

// All that are to be kept up to date.
// Thread safety: add() needs the readers' lock shared, the others exclusively.
class CountedRanges {
 public:
  void add(std::shared_ptr<CountedRange> range) MINIKV_EXCLUDES(mutex_);
  bool is_empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  // An entry is in the index now that was not, or no longer; one that a range delete covers was gone before.
  void note_new(std::string_view key, const Place& place) MINIKV_EXCLUDES(mutex_);
  void note_gone(std::string_view key, const Place& place) MINIKV_EXCLUDES(mutex_);
  void note_range(const RangeDelete& deleted) MINIKV_EXCLUDES(mutex_);

 private:
  template <typename Visitor>
  void for_each(Visitor visit) MINIKV_EXCLUDES(mutex_);

  std::atomic<std::size_t> count_{0};
  Mutex mutex_;
  std::vector<std::shared_ptr<CountedRange>> ranges_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::engine
