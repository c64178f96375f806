// The engine's log lines, which go to the function that Options::log names.
#pragma once

#include <functional>
#include <new>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "minikv/options.h"

namespace minikv::engine {

// Drops a line if there is no memory to format it.
//
// Thread safety: all members may be called from any thread, as long as the function may.
class Log {
 public:
  explicit Log(std::function<void(LogLevel, std::string_view)> sink) : sink_(std::move(sink)) {}

  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    say(LogLevel::kInfo, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    say(LogLevel::kWarning, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    say(LogLevel::kError, format, std::forward<Args>(args)...);
  }

 private:
  template <typename... Args>
  void say(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (!sink_) return;
    try {
      sink_(level, fmt::format(format, std::forward<Args>(args)...));
    } catch (const std::bad_alloc&) {
      // The line is dropped; the caller's work goes on.
    }
  }

  std::function<void(LogLevel, std::string_view)> sink_;
};

}  // namespace minikv::engine
