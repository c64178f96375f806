// The pages of the segments that are surely resident, because they were read or written without a wait.
//
// A read through a mapping costs 50 ns, where a system call costs 1,000. But a page that is not resident
// stops the thread that touches it until the disk has answered, and nothing says beforehand which page that
// will be. A resident page stays so until the kernel needs the room; the kernel evicts pages first that have
// not been used for long.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "engine/io/file_system.h"

namespace minikv::engine {

// The epoch in which each page of one file was last known to be resident: two bytes for each.
// Thread safety: all members may be called from any thread.
class PageMarks {
 public:
  explicit PageMarks(std::uint64_t file_bytes);

  std::size_t count() const { return count_; }
  std::uint16_t get(std::size_t page) const {
    return std::atomic_ref<std::uint16_t>(marks_.get()[page]).load(std::memory_order_relaxed);
  }
  void set(std::size_t page, std::uint16_t epoch) const {
    std::atomic_ref<std::uint16_t>(marks_.get()[page]).store(epoch, std::memory_order_relaxed);
  }

 private:
  struct Free {
    void operator()(std::uint16_t* marks) const;
  };
  const std::size_t count_;
  // Zeros that take no memory until a page is marked.
  const std::unique_ptr<std::uint16_t[], Free> marks_;
};

// Time is counted in epochs. A page counts as resident if it was touched in this epoch or in the one before.
// An epoch does not end as long as the kernel evicts no page. Evictions show in threads that had to wait for
// a page (major faults), which are looked at a hundred times a second. From then on, for some time, a page
// counts as resident only if it was touched within the last tenth of a second. So where memory is short, a
// read waits for the disk once in a while, and that read detects the shortage.
//
// Thread safety: all members may be called from any thread.
class ResidentPages {
 public:
  ResidentPages(const Clock& clock, const FileSystem& file_system);

  // Whether all of these bytes are known to be resident; false for more than 1,024 pages at once.
  bool has(const PageMarks& marks, std::uint64_t offset, std::uint64_t length);
  // Marks the pages of these bytes as resident.
  void touch(const PageMarks& marks, std::uint64_t offset, std::uint64_t length);

 private:
  std::uint64_t epoch();
  void look(std::int64_t now_ms) MINIKV_EXCLUDES(mutex_);

  const Clock& clock_;
  const FileSystem& file_system_;
  std::atomic<std::uint64_t> epoch_{1};
  std::atomic<std::int64_t> next_look_ms_{0};
  Mutex mutex_;
  std::uint64_t waits_seen_ MINIKV_GUARDED_BY(mutex_);
  std::int64_t last_look_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::int64_t careful_until_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::int64_t careful_for_ms_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::engine
