// How many expired keys a slice takes out, and how often the writer looks for more.
#include "engine/commit/active_expiry.h"

#include <algorithm>

namespace minikv::engine {
namespace {

constexpr std::size_t kKeysPerSlice = 64;
// kPauseMs: the pause while keys expire one by one. kMaxPauseMs: the maximum wait for the next expiry, since
// the wall clock may be set forward.
constexpr std::int64_t kPauseMs = 100, kMaxPauseMs = 1000;

}  // namespace

std::optional<std::int64_t> ActiveExpiry::due_in_ms() {
  if (has_more_) return 0;
  state_.lock.assert_writer_thread();
  const auto next = state_.index.next_expiry();
  if (!next) return std::nullopt;
  const std::int64_t wait = std::clamp<std::int64_t>(*next - state_.clock.now_ms(), 0, kMaxPauseMs);
  if (state_.options.single_threaded) return wait;
  return std::max(wait, earliest_next_ms_ - state_.clock.steady_ms());
}

void ActiveExpiry::run_slice() {
  const std::int64_t now = state_.clock.now_ms();
  const auto visit = [this](std::string_view key, const Location& location) {
    state_.lock.assert_alone();
    state_.forget(key, location);
  };
  state_.lock.let_readers_pass();
  {
    ExclusiveGuard guard(state_.lock);
    const std::size_t taken = state_.index.take_expired(now, kKeysPerSlice, visit);
    state_.counters.expired_keys.fetch_add(taken, std::memory_order_relaxed);
    has_more_ = taken == kKeysPerSlice;
  }
  if (!has_more_) earliest_next_ms_ = state_.clock.steady_ms() + kPauseMs;
}

}  // namespace minikv::engine
