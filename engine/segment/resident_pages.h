// Which pages of the segments are surely in memory, because they were read or written without a wait.
//
// Reading through a mapping costs 50 ns where a system call costs 1,000; but a page that is not in memory
// stops the thread that touches it until the disk has answered, and nothing says beforehand which it will be.
// What was in memory once stays there until the kernel needs the room; it takes first what has long not been
// used.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "engine/io/file_system.h"

namespace minikv::engine {

// When each page of one file was last known to be in memory: two bytes for each.
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

// Time is counted in epochs. A page is warm if it was touched in this epoch or in the one before. As long as
// the kernel takes no page away, an epoch does not end. That it does is seen by threads that had to wait for
// one (major faults), which is looked at a hundred times a second: then, and for some time after, nothing is
// warm that was not touched within the last tenth of a second. So where memory is short, one read in a while
// waits for the disk, and it is the one that finds out.
//
// Thread safety: all members may be called from any thread.
class WarmPages {
 public:
  WarmPages(const Clock& clock, const FileSystem& file_system);

  // Whether all of these bytes are in memory, for all that is known. Of more than some pages at once, none
  // are.
  bool has(const PageMarks& marks, std::uint64_t offset, std::uint64_t length);
  // They are in memory now.
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
