// Judging a client's pauses.
#include "server/net/patience.h"

#include <algorithm>

namespace minikv::server {

namespace {

// A client may leave its replies while no other client needs the memory. If others do, it has this part of
// the usual time.
constexpr int kHoarderPart = 10;
constexpr std::chrono::seconds kLingerTime{2};
// The maximum time without the rest of a request while memory is used up and others wait.
constexpr std::chrono::seconds kPauseWhereMemoryIsUsedUp{1};

}  // namespace

Patience::Clock::time_point Patience::silent_since() const {
  return std::max(transport_.last_received(), silence_forgiven_);
}

void Patience::forgive(Clock::duration not_run, Clock::time_point now) {
  linger_until_ += not_run;
  if (stalled_since_ != Clock::time_point{})
    stalled_since_ = std::min(std::max(stalled_since_, transport_.last_sent()) + not_run, now);
  silence_forgiven_ = std::min(silent_since() + not_run, now);
}

bool Patience::is_used_up(bool is_in_the_way, bool is_hoarding, Clock::time_point now) {
  is_hoarding_ = is_hoarding && !is_in_the_way;
  if (!is_in_the_way && !is_hoarding_) {
    stalled_since_ = {};
    return false;
  }
  if (stalled_since_ == Clock::time_point{}) stalled_since_ = now;
  return now - std::max(stalled_since_, transport_.last_sent()) >= for_replies();
}

std::chrono::milliseconds Patience::for_replies() const {
  return options_.stall_timeout / (is_hoarding_ ? kHoarderPart : 1);
}

bool Patience::is_idle(Clock::time_point now) const {
  const auto timeout = options_.idle_timeout;
  return timeout.count() > 0 && now - std::max(silent_since(), transport_.last_sent()) >= timeout;
}

bool Patience::has_paused(bool is_memory_used_up, Clock::time_point now) const {
  Clock::duration longest = options_.request_timeout / 2;
  if (is_memory_used_up) longest = std::min<Clock::duration>(kPauseWhereMemoryIsUsedUp, longest);
  return now - silent_since() >= longest;
}

void Patience::begin_lingering(Clock::time_point now) { linger_until_ = now + kLingerTime; }

}  // namespace minikv::server
