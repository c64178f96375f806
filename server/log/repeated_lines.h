// Lines of the log that repeat.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/thread_annotations.h"

namespace minikv::server {

// A warning for each request or connection of a flood would fill the disk of the log, and hide all other
// lines. So the first line is written. Lines that differ from it only in numbers are counted for kWindow, and
// then written as one: the last of them, with the count.
//
// Thread safety: all members may be called from any thread.
class RepeatedLines {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kWindow{10};
  // The maximum of different lines that are counted at the same time; others are written as they come.
  static constexpr std::size_t kMaxShapes = 64;

  // A line that was held back and is due.
  struct Count {
    int level = 0;
    std::string text;
  };

  // Returns whether this line is to be written; otherwise the line is counted. Lines of different levels are
  // different lines.
  bool take(int level, std::string_view text, Clock::time_point now) MINIKV_EXCLUDES(mutex_);
  // Removes and returns the counts that are due.
  std::vector<Count> take_due(Clock::time_point now) MINIKV_EXCLUDES(mutex_);
  std::vector<Count> take_all() MINIKV_EXCLUDES(mutex_) { return take_due(Clock::time_point::max()); }
  // When take_due() has a count to return next; nothing if no line is held back.
  std::optional<Clock::time_point> next_due() const MINIKV_EXCLUDES(mutex_);

 private:
  struct Repeated {
    Clock::time_point until{};
    std::uint64_t count = 0;
    std::string last;
  };

  mutable engine::Mutex mutex_;
  std::map<std::string, Repeated> shapes_ MINIKV_GUARDED_BY(mutex_);  // by level and text without its numbers
};

}  // namespace minikv::server
