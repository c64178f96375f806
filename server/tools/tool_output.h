// Where the tools' answers go.
#pragma once

#include <chrono>
#include <string_view>

#include "engine/tools/inspection.h"

namespace minikv::server {

// Standard output, which may be a pipe that closes or a disk that fills up.
class Output {
 public:
  void write(std::string_view text);
  // Flushes, and returns whether all has been written.
  bool finish();

 private:
  bool failed_ = false;
};

// Shows progress on a line of standard error that is overwritten. Only if that is a terminal, and only if the
// work takes longer than a moment.
class ProgressLine {
 public:
  explicit ProgressLine(const char* what) : what_(what) {}
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Valid as long as this object. Empty if standard error is no terminal.
  engine::Progress callback();

 private:
  void show(std::uint64_t done, std::uint64_t total);

  const char* what_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  bool shown_ = false;
};

}  // namespace minikv::server
