// Which pages of the segments are surely in memory, because they were read a moment ago without a wait.
//
// Reading through a mapping costs 50 ns where a system call costs 1,000; but a page that is not in memory stops the
// thread that touches it until the disk has answered, and nothing says beforehand which it will be. What was in memory
// a tenth of a second ago is there now: the kernel evicts what has long not been used.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/io/clock.h"

namespace minikv::engine {

// A table of fixed size, whatever the data's: it need hold only what is read in a tenth of a second. Two pages that
// fall on the same slot displace each other, which costs a system call and nothing else.
//
// Thread safety: all members may be called from any thread.
class WarmPages {
 public:
  static constexpr std::size_t kUsualSlots = std::size_t{1} << 16;  // 512 KiB; a power of two
  explicit WarmPages(const Clock& clock, std::size_t slots = kUsualSlots);

  // Whether all of these bytes were in memory a moment ago. Of more than some pages at once, none are.
  bool has(std::uint64_t segment_id, std::uint64_t offset, std::uint64_t length) const;
  // They are in memory now.
  void touch(std::uint64_t segment_id, std::uint64_t offset, std::uint64_t length);

 private:
  // The page's mark (upper bits) and the time of the touch (lower bits).
  using Slot = std::atomic<std::uint64_t>;

  std::uint64_t now() const;

  const Clock& clock_;
  const unsigned shift_;  // of a 64-bit hash, leaves a slot's number
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace minikv::engine
