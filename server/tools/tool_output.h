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
  // Whether everything has arrived.
  bool finish();

 private:
  bool failed_ = false;
};

// How far it is, on a line of standard error that is overwritten: only for somebody who watches, and only if
// it takes longer than a moment.
class ProgressLine {
 public:
  explicit ProgressLine(const char* what) : what_(what) {}
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Holds as long as this object. Empty if nobody watches.
  engine::Progress callback();

 private:
  void show(std::uint64_t done, std::uint64_t total);

  const char* what_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  bool shown_ = false;
};

}  // namespace minikv::server
