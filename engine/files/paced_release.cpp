// Space given back piece by piece, with rests.
#include "engine/files/paced_release.h"

#include <utility>

namespace minikv::engine {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kCut = kMiB / 4;

}  // namespace

void PacedRelease::add(std::vector<std::unique_ptr<Segment>> segments) {
  const OneAtATime::Scope alone(calls_);
  for (auto& segment : segments) {
    const auto size = segment->file().size();
    const bool may_be_cut = size && segment->file().has_no_name();
    if (!may_be_cut) continue;  // is closed
    bytes_.fetch_add(*size, std::memory_order_relaxed);
    segments_.push_back({std::move(segment), *size});
  }
}

void PacedRelease::release_piece(Urgency urgency) {
  const OneAtATime::Scope alone(calls_);
  if (segments_.empty()) return;
  const auto begun = steady_clock::now();
  Dying& first = segments_.front();
  if (first.bytes <= kCut || !first.segment->file().truncate(first.bytes - kCut)) {
    close_first();
  } else {
    first.bytes -= kCut;
    bytes_.fetch_sub(kCut, std::memory_order_relaxed);
  }
  const auto now = steady_clock::now();
  next_at_ = now + pacer_.after(now - begun, urgency);
}

void PacedRelease::release_all() {
  const OneAtATime::Scope alone(calls_);
  while (!segments_.empty()) close_first();
}

void PacedRelease::close_first() {
  const std::uint64_t left = segments_.front().bytes;
  segments_.pop_front();
  bytes_.fetch_sub(left, std::memory_order_relaxed);
}

}  // namespace minikv::engine
