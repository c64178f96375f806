// The steps of a start, from the files to the index.
#include "engine/recovery/recovery.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "engine/recovery/file_check.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kClockJumpMs = 3'600'000;

}  // namespace

Result<Recovered> Recovery::run() {
  const std::int64_t started_ms = state_.clock.steady_ms();
  records_.note_time(manifest_.engine_time_ms);
  auto removable = check_files(state_, manifest_);
  if (!removable) return removable.status();
  MINIKV_TRY(sealed_.load());
  MINIKV_TRY(log_.load());
  MINIKV_TRY(check_numbers_and_time());

  // From here on the store is known to open, and may be changed.
  for (const std::string& name : *removable) {
    state_.log.info("{}/{}: left over from work that was cut short; removed", state_.directory, name);
    MINIKV_TRY(state_.file_system.remove(state_.directory + "/" + name));
  }
  if (!removable->empty()) MINIKV_TRY(state_.file_system.sync_dir(state_.directory));
  MINIKV_TRY(log_.cut_and_seal());
  state_.clock.resume(records_.newest_time_ms(), manifest_.lead);
  result_.lost = records_.finish(state_.clock.now_ms());

  result_.next_sequence = next_sequence();
  result_.manifest = std::move(manifest_);
  state_.counters.recovery_ms.store(static_cast<std::uint64_t>(state_.clock.steady_ms() - started_ms));
  return std::move(result_);
}

std::uint64_t Recovery::next_sequence() const {
  return manifest_.clean_sequence != 0 ? manifest_.clean_sequence : manifest_.seq_limit;
}

Status Recovery::check_numbers_and_time() const {
  if (records_.newest_sequence() >= next_sequence()) {
    return {
        StatusCode::kRefused,
        fmt::format(
            "{}: the manifest says that no sequence from {} on was used, and a record has {}: the manifest "
            "is from another moment than the segments; restore the directory from a backup",
            state_.directory, next_sequence(), records_.newest_sequence())};
  }
  // The lead on record was accepted at an earlier start, or came about in an open store.
  const TimeLead& lead = manifest_.lead.lead;
  const std::int64_t known_ms = lead.exists() ? lead.engine_ms - lead.wall_ms : 0;
  const std::int64_t ahead_ms = std::min(records_.newest_time_ms(), kLatestMs) - state_.clock.wall_ms();
  if (ahead_ms > known_ms + kClockJumpMs && !state_.options.accept_clock_jump) {
    return {
        StatusCode::kRefused,
        fmt::format(
            "{}: the store's last recorded time is {} s ahead of this machine's clock, so that keys would "
            "expire late: set the clock right, or accept it with --accept-clock-jump",
            state_.directory, ahead_ms / 1000)};
  }
  return {};
}

}  // namespace minikv::engine
