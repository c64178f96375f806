// How engine time follows the wall clock, and how it waits for one that was set back.
#include "engine/base/engine_clock.h"

#include <algorithm>

namespace minikv::engine {
namespace {

constexpr std::int64_t kSlow = 99, kCenti = 100;
// Engine time stands still, without a lead, while the wall clock lags by no more than this.
constexpr std::int64_t kSmallLagMs = 20;
// The slack between a wall clock that was not set and the steady clock: the two are not read at the same
// moment, and NTP lets the wall clock go a little faster or slower.
constexpr std::int64_t kSlackMs = 20, kSlackPart = 1000;
constexpr std::int64_t kNotableMs = 1000;

std::int64_t slack_ms(std::int64_t elapsed_ms) {
  return kSlackMs + std::max<std::int64_t>(elapsed_ms, 0) / kSlackPart;
}

// Clamps a reading of the wall clock, so that no sum overflows and the manifest can store every reading.
std::int64_t believable(std::int64_t wall_ms) { return std::clamp(wall_ms, -kLatestMs, kLatestMs); }

std::int64_t distance(std::int64_t a, std::int64_t b) { return a > b ? a - b : b - a; }

}  // namespace

// Reads both clocks again if this thread had to wait between the two readings: the wait would look like a
// jump of the wall clock.
EngineClock::Reading EngineClock::read_together() const {
  constexpr int kTries = 20;
  constexpr std::int64_t kTogetherMs = 2;
  Reading reading;
  for (int i = 0; i < kTries; ++i) {
    const std::int64_t before = clock_.steady_ms();
    reading.wall_ms = wall_ms();
    reading.steady_ms = clock_.steady_ms();
    if (reading.steady_ms - before <= kTogetherMs) break;
  }
  return reading;
}

std::int64_t EngineClock::wall_ms() const { return believable(clock_.wall_ms()); }

void EngineClock::resume(std::int64_t floor_ms, const LeadRecord& recorded) {
  MutexLock lock(mutex_);
  const Reading now = read_together();
  last_wall_ms_ = now.wall_ms;
  last_steady_ms_ = now.steady_ms;
  last_centi_ms_ = std::max(now.wall_ms, std::min(floor_ms, kLatestMs)) * kCenti;
  lead_ = {};
  const TimeLead& lead = recorded.lead;
  const std::int64_t elapsed = now.steady_ms - recorded.steady_ms;
  if (lead.exists() && recorded.boot != 0 && recorded.boot == clock_.boot() && elapsed >= 0) {
    const bool is_same_line = distance(now.wall_ms - lead.wall_ms, elapsed) <= slack_ms(elapsed);
    const std::int64_t expected =
        is_same_line ? lead.engine_centi_ms(now.wall_ms) : lead.engine_ms * kCenti + elapsed * kSlow;
    const bool was_followed = last_centi_ms_ <= expected + slack_ms(elapsed) * kCenti;
    if (now.wall_ms < lead.ends_ms()) last_centi_ms_ = std::max(last_centi_ms_, expected);
    if (is_same_line && was_followed && now.wall_ms < lead.ends_ms()) lead_ = recorded;
  }
  if (!lead_.lead.exists() && lags(now, last_centi_ms_)) begin_lead(now, last_centi_ms_);
  changes_.fetch_add(1, std::memory_order_release);
}

StoreTime EngineClock::now() {
  MutexLock lock(mutex_);
  advance();
  return {last_centi_ms_ / kCenti, last_wall_ms_, lead_.lead};
}

void EngineClock::advance() {
  Reading now;
  now.wall_ms = wall_ms();  // read first, so that a wait before the next reading can't lengthen later steps
  now.steady_ms = clock_.steady_ms();
  const auto by_steady = [this](const Reading& reading) MINIKV_REQUIRES(mutex_) {
    return last_centi_ms_ + (reading.steady_ms - last_steady_ms_) * kSlow;
  };
  if (lead_.lead.exists() || lags(now, by_steady(now))) now = read_together();
  const std::int64_t expected = by_steady(now), slack = slack_ms(now.steady_ms - last_steady_ms_) * kCenti;
  const std::int64_t by_wall = now.wall_ms * kCenti;
  last_wall_ms_ = now.wall_ms;
  last_steady_ms_ = now.steady_ms;
  if (lead_.lead.exists() && now.wall_ms < lead_.lead.ends_ms()) {
    const std::int64_t by_line = lead_.lead.engine_centi_ms(now.wall_ms);
    if (distance(by_line, expected) <= slack) {
      last_centi_ms_ = std::max(last_centi_ms_, by_line);
      return;
    }
  }
  // The wall clock is right, lags a little, or was set.
  if (lags(now, expected)) return begin_lead(now, std::max(expected, by_wall));
  last_centi_ms_ = std::max(last_centi_ms_, by_wall);
  if (lead_.lead.exists()) end_lead();
}

bool EngineClock::lags(const Reading& reading, std::int64_t centi_ms) {
  return (reading.wall_ms + kSmallLagMs) * kCenti < centi_ms;
}

void EngineClock::begin_lead(const Reading& reading, std::int64_t centi_ms) {
  const std::int64_t engine_ms = (centi_ms + kCenti - 1) / kCenti;
  last_centi_ms_ = engine_ms * kCenti;
  const std::int64_t steady_ms = std::clamp<std::int64_t>(reading.steady_ms, 0, kLatestMs);
  lead_ = {{reading.wall_ms, engine_ms}, steady_ms, clock_.boot()};
  changes_.fetch_add(1, std::memory_order_release);
}

void EngineClock::end_lead() {
  lead_ = {};
  changes_.fetch_add(1, std::memory_order_release);
}

LeadRecord EngineClock::record(const LeadRecord& recorded) {
  MutexLock lock(mutex_);
  advance();
  const auto ahead_ms = [this](const LeadRecord& record) MINIKV_REQUIRES(mutex_) {
    return record.lead.exists() ? record.lead.to_engine(last_wall_ms_) - last_wall_ms_ : 0;
  };
  const std::int64_t ahead = ahead_ms(lead_), known = ahead_ms(recorded);
  if (!lead_.lead.exists() || (!recorded.lead.exists() && ahead < kNotableMs)) return {};
  return distance(ahead, known) < kNotableMs && recorded.boot == lead_.boot ? recorded : lead_;
}

}  // namespace minikv::engine
