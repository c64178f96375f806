// Lines of the log that come again and again.
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

// A warning that comes again for each request or connection of a flood would fill the disk that the log is
// on, and hide all else. So the first is told; those that are the same but for their numbers are counted for
// kWindow, and then told as one line: the last of them, with the count.
//
// Thread safety: all members may be called from any thread.
class RepeatedLines {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kWindow{10};
  // Different lines that are watched at the same time; others are told as they come.
  static constexpr std::size_t kMaxShapes = 64;

  // What was held back and is to be told now.
  struct Count {
    int level = 0;
    std::string text;
  };

  // Whether this line is to be told; otherwise it is counted. Lines of different levels are different lines.
  bool take(int level, std::string_view text, Clock::time_point now) MINIKV_EXCLUDES(mutex_);
  // Whose time has come.
  std::vector<Count> take_due(Clock::time_point now) MINIKV_EXCLUDES(mutex_);
  std::vector<Count> take_all() MINIKV_EXCLUDES(mutex_) { return take_due(Clock::time_point::max()); }
  // When take_due() has something to say next.
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
