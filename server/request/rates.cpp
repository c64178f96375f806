// Samples of the counters.
#include "server/request/rates.h"

#include <algorithm>

namespace minikv::server {

namespace {

// CONFIG RESETSTAT may have set the counter back.
std::uint64_t growth(std::uint64_t now, std::uint64_t then) { return now > then ? now - then : 0; }

}  // namespace

Rates::Rates(const Counters& counters, Clock::time_point now) : counters_(counters) {
  samples_.fill(take(now));
}

Rates::Sample Rates::take(Clock::time_point now) const {
  return {now, {counters_.commands.get(), counters_.bytes_in.get(), counters_.bytes_out.get()}};
}

void Rates::sample(Clock::time_point now) {
  const engine::MutexLock lock(mutex_);
  const Sample& newest = samples_[(next_ + kSamples - 1) % kSamples];
  if (now - newest.when < kInterval) return;
  samples_[next_] = take(now);
  next_ = (next_ + 1) % kSamples;
}

Rates::PerSecond Rates::at(Clock::time_point now) const {
  Sample oldest;
  {
    const engine::MutexLock lock(mutex_);
    oldest = samples_[next_];
  }
  const PerSecond totals = take(now).totals;
  const auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest.when).count()));
  return {growth(totals.commands, oldest.totals.commands) * 1000 / ms,
          growth(totals.bytes_in, oldest.totals.bytes_in) * 1000 / ms,
          growth(totals.bytes_out, oldest.totals.bytes_out) * 1000 / ms};
}

}  // namespace minikv::server
