// Lines are alike if they differ in numbers only; each such shape is counted.
#include "server/log/repeated_lines.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace minikv::server {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// The line without its numbers, so that an id, an address or an offset makes no other shape.
std::string shape_of(int level, std::string_view text) {
  std::string shape(1, static_cast<char>('0' + level));
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_digit(text[i])) {
      shape += text[i];
    } else if (i == 0 || !is_digit(text[i - 1])) {
      shape += '0';
    }
  }
  return shape;
}

}  // namespace

bool RepeatedLines::take(int level, std::string_view text, Clock::time_point now) {
  std::string shape = shape_of(level, text);
  const engine::MutexLock lock(mutex_);
  if (const auto known = shapes_.find(shape); known != shapes_.end()) {
    Repeated& repeated = known->second;
    if (now < repeated.until || repeated.count > 0) {
      ++repeated.count;
      repeated.last = text;
      return false;
    }
    repeated.until = now + kWindow;
    return true;
  }
  if (shapes_.size() == kMaxShapes) {
    const auto over = std::find_if(shapes_.begin(), shapes_.end(), [&](const auto& entry) {
      return entry.second.count == 0 && entry.second.until <= now;
    });
    if (over == shapes_.end()) return true;
    shapes_.erase(over);
  }
  shapes_.emplace(std::move(shape), Repeated{now + kWindow, 0, {}});
  return true;
}

std::vector<RepeatedLines::Count> RepeatedLines::take_due(Clock::time_point now) {
  std::vector<Count> due;
  const engine::MutexLock lock(mutex_);
  for (auto& [shape, repeated] : shapes_) {
    if (repeated.count == 0 || repeated.until > now) continue;
    std::string text = std::move(repeated.last);
    if (repeated.count > 1)
      text += fmt::format(" ({} lines like this within {} s)", repeated.count, kWindow.count());
    due.push_back({shape.front() - '0', std::move(text)});
    repeated.count = 0;
    repeated.last.clear();
    if (now != Clock::time_point::max()) repeated.until = now + kWindow;
  }
  return due;
}

std::optional<RepeatedLines::Clock::time_point> RepeatedLines::next_due() const {
  std::optional<Clock::time_point> next;
  const engine::MutexLock lock(mutex_);
  for (const auto& [shape, repeated] : shapes_) {
    if (repeated.count > 0 && (!next || repeated.until < *next)) next = repeated.until;
  }
  return next;
}

}  // namespace minikv::server
