// Writes to stdout that fail are noticed at the end, and progress goes to stderr if that is a terminal.
#include "server/tools/tool_output.h"

#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

namespace minikv::server {

void Output::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) failed_ = true;
}

bool Output::finish() {
  if (std::fflush(stdout) != 0) failed_ = true;
  return !failed_;
}

ProgressLine::~ProgressLine() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

engine::Progress ProgressLine::callback() {
  if (isatty(STDERR_FILENO) == 0) return {};
  return [this](std::uint64_t done, std::uint64_t total) { show(done, total); };
}

void ProgressLine::show(std::uint64_t done, std::uint64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_ || total == 0) return;
  next_ = now + std::chrono::milliseconds(200);
  shown_ = true;
  constexpr double kMebibyte = 1024.0 * 1024.0;
  fmt::print(stderr, "\r{}: {:.0f} of {:.0f} MiB, {}%\033[K", what_, static_cast<double>(done) / kMebibyte,
             static_cast<double>(total) / kMebibyte, done * 100 / total);
}

}  // namespace minikv::server
