// Deletes of whole ranges of keys, and the question whether a record is older than one of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minikv::engine {

// A range delete: all records of the keys from `from` to before `to` that are older than `sequence` are gone.
struct RangeDelete {
  std::string from;
  std::string to;  // empty: to the last key
  std::uint64_t sequence = 0;

  bool is_everything() const { return from.empty() && to.empty(); }
  bool covers(std::string_view key) const { return key >= from && (to.empty() || key < to); }
};

// A change for which there is no memory throws std::bad_alloc, and changes nothing.
//
// Thread safety: const members may be called by any number of threads at once, the others by one alone.
class RangeDeletes {
 public:
  bool is_empty() const { return ranges_.empty(); }
  std::size_t size() const { return ranges_.size(); }
  const std::vector<RangeDelete>& ranges() const { return ranges_; }

  void add(RangeDelete range);
  void add(const std::vector<RangeDelete>& more);
  // Forgets the range with this sequence.
  void remove(std::uint64_t sequence);
  void clear();
  void swap(RangeDeletes& other) noexcept {
    ranges_.swap(other.ranges_);
    steps_.swap(other.steps_);
  }

  // Whether a record about `key` with `sequence` is older than a range delete of the key.
  bool cover(std::string_view key, std::uint64_t sequence) const {
    return !steps_.empty() && newest_over(key) > sequence;
  }

 private:
  // From `from` to before the next step's `from`: the sequence of the newest range delete there, or 0.
  struct Step {
    std::string from;
    std::uint64_t newest = 0;
  };

  std::uint64_t newest_over(std::string_view key) const;
  void take(std::vector<RangeDelete> ranges);
  static std::vector<Step> arranged(const std::vector<RangeDelete>& ranges);

  std::vector<RangeDelete> ranges_;
  std::vector<Step> steps_;  // by `from`
};

}  // namespace minikv::engine
