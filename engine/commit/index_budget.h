// Whether what a group adds stays within the memory that the index may take (max_index_memory).
#pragma once

#include <cstdint>

#include "minikv/options.h"
#include "minikv/status.h"

namespace minikv::engine {

// Asking the index for its size costs more than a write. So the group asks only where so much has gone into
// the log since the last time that the limit may be near. Only then does the budget count what a task adds.
//
// Thread safety: none.
class IndexBudget {
 public:
  // In bytes; 0: there is no limit.
  explicit IndexBudget(std::uint64_t limit) : limit_(limit) {}

  // The answer to a task that would have passed the limit.
  static Status refusal(std::uint64_t limit);

  // Whether the limit may be near when `bytes` more are in the log.
  bool is_near(std::uint64_t bytes) const {
    return limit_ != 0 && index_bytes_ + kMaxGrowth * (logged_since_ + bytes) + kPlentyBytes > limit_;
  }
  // Whether something went into the log since set_index_bytes().
  bool is_out_of_date() const { return logged_since_ > 0; }
  // The memory that the index takes, without the changes of the present group.
  void set_index_bytes(std::uint64_t bytes) {
    index_bytes_ = bytes;
    logged_since_ = 0;
  }
  void note_logged(std::uint64_t bytes) { logged_since_ += bytes; }

  void begin_group() { group_growth_ = 0; }
  // `counts`: whether the caller will call add() for the task's changes.
  void begin_task(bool counts) {
    counts_ = counts;
    task_growth_ = 0;
    task_adds_keys_ = false;
  }
  bool counts() const { return counts_; }
  // The task makes the index larger by `bytes`, or smaller if they are negative.
  void add(std::int64_t bytes) { task_growth_ += bytes; }
  // The task adds a key, and not only an expiry to an existing one.
  void note_key_added() { task_adds_keys_ = true; }
  // Whether there is no room for the keys, or the expiries of keys, that the task has added.
  bool is_passed() const {
    if (!counts_ || task_growth_ <= 0) return false;
    const auto limit = static_cast<std::int64_t>(limit_);
    const std::int64_t for_expiries = task_adds_keys_ ? 0 : limit / kExpiriesPart;
    return static_cast<std::int64_t>(index_bytes_) + group_growth_ + task_growth_ > limit + for_expiries;
  }
  void end_task() { group_growth_ += task_growth_; }

 private:
  // Maximum growth of the index, as a multiple of the bytes that are added to the log.
  static constexpr std::uint64_t kMaxGrowth = 4;
  static constexpr std::uint64_t kPlentyBytes = 64 * kMiB;
  // Giving an expiry to an existing key takes memory, too. Such a task may go beyond the limit by this part
  // of it, where no key may be added any more.
  static constexpr std::int64_t kExpiriesPart = 8;

  const std::uint64_t limit_;
  std::uint64_t index_bytes_ = 0, logged_since_ = 0;
  bool counts_ = false;
  bool task_adds_keys_ = false;
  std::int64_t group_growth_ = 0, task_growth_ = 0;  // of the index, by the present group and task
};

}  // namespace minikv::engine
