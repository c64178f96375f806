// Whether what a group adds stays within the memory that the index may take (max_index_memory).
#pragma once

#include <cstdint>

#include "minikv/options.h"
#include "minikv/status.h"

namespace minikv::engine {

// To ask the index what it takes costs more than a write. So it is asked only where so much has gone into the
// log since the last time that the limit may be near; and only then is counted what a task adds.
//
// Thread safety: none.
class IndexBudget {
 public:
  // In bytes; 0: there is no limit.
  explicit IndexBudget(std::uint64_t limit) : limit_(limit) {}

  // What a task is answered with that would have passed the limit.
  static Status refusal(std::uint64_t limit);

  // Whether the limit may be near when `bytes` more are in the log.
  bool is_near(std::uint64_t bytes) const {
    return limit_ != 0 && index_bytes_ + kMaxGrowth * (logged_since_ + bytes) + kPlentyBytes > limit_;
  }
  // Something went into the log since set_index_bytes().
  bool is_out_of_date() const { return logged_since_ > 0; }
  // What the index takes now, without the changes of the present group.
  void set_index_bytes(std::uint64_t bytes) {
    index_bytes_ = bytes;
    logged_since_ = 0;
  }
  void note_logged(std::uint64_t bytes) { logged_since_ += bytes; }

  void begin_group() { group_growth_ = 0; }
  // `counts`: what the task adds is going to be told of.
  void begin_task(bool counts) {
    counts_ = counts;
    task_growth_ = 0;
    task_adds_keys_ = false;
  }
  bool counts() const { return counts_; }
  // By so many bytes the task makes the index larger, or smaller.
  void add(std::int64_t bytes) { task_growth_ += bytes; }
  // It adds a key, and not only an expiry to one that is there.
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
  // So many times what is added to the log may the index grow by at most.
  static constexpr std::uint64_t kMaxGrowth = 4;
  static constexpr std::uint64_t kPlentyBytes = 64 * kMiB;
  // To give a key that is there an expiry takes memory, too. It may go on where no key may be added, up to
  // such a part of the limit beyond it.
  static constexpr std::int64_t kExpiriesPart = 8;

  const std::uint64_t limit_;
  std::uint64_t index_bytes_ = 0, logged_since_ = 0;
  bool counts_ = false;
  bool task_adds_keys_ = false;
  std::int64_t group_growth_ = 0, task_growth_ = 0;  // of the index, by the present ones
};

}  // namespace minikv::engine
