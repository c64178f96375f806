// When the log is synced, and what waits for that.
#include "engine/files/log_syncer.h"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

namespace minikv::engine {

std::optional<std::int64_t> LogSyncer::interval_ends_at_ms() const {
  if (context_.options.fsync != Fsync::kInterval || unsynced_since_ms_ < 0) return std::nullopt;
  return unsynced_since_ms_ + context_.options.fsync_interval_ms;
}

bool LogSyncer::is_due() const {
  if (is_wanted_) return true;
  const auto ends_at_ms = interval_ends_at_ms();
  return ends_at_ms && context_.clock.steady_ms() >= *ends_at_ms;
}

Status LogSyncer::sync() {
  const OneAtATime::Scope alone(syncs_);
  std::vector<std::shared_ptr<Segment>> log;
  std::uint64_t covered = 0;
  {
    MutexLock lock(monitor_.mutex());
    log = log_.all();
    // Nothing fails for lack of memory from here on.
    is_wanted_ = false;
    syncing_since_ms_ = std::exchange(unsynced_since_ms_, -1);
    covered = context_.written_sequence.load(std::memory_order_acquire);
  }
  for (const auto& segment : log) {
    MINIKV_TRY(segment->file().sync());
    context_.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  }
  context_.note_durable(covered);
  MutexLock lock(monitor_.mutex());
  syncing_since_ms_ = -1;
  return {};
}

Status LogSyncer::sync_if_due() {
  {
    MutexLock lock(monitor_.mutex());
    if (!is_due()) return {};
  }
  Status synced = sync();
  if (!synced) monitor_.fail(synced);
  MutexLock lock(monitor_.mutex());
  monitor_.notify_all();
  return synced;
}

void LogSyncer::note_unsynced() {
  {
    MutexLock lock(monitor_.mutex());
    if (unsynced_since_ms_ < 0) {
      unsynced_since_ms_ = context_.clock.steady_ms();
      monitor_.notify_all();
    }
  }
  monitor_.run_pending_if_single_threaded();
}

bool LogSyncer::is_late() const {
  const std::int64_t allowed_ms = 2 * std::int64_t{context_.options.fsync_interval_ms};
  const std::int64_t since = syncing_since_ms_ >= 0 ? syncing_since_ms_ : unsynced_since_ms_;
  return since >= 0 && context_.clock.steady_ms() - since > allowed_ms;
}

Status LogSyncer::wait_while_late() {
  MutexLock lock(monitor_.mutex());
  return monitor_.wait_for([this]() MINIKV_REQUIRES(keeper_mutex) { return !is_late(); });
}

bool LogSyncer::may_hold_up() const {
  if (context_.options.fsync != Fsync::kInterval) return false;
  MutexLock lock(monitor_.mutex());
  return is_late();
}

Status LogSyncer::make_durable(std::uint64_t sequence) {
  const auto is_durable = [&] {
    return context_.durable_sequence.load(std::memory_order_acquire) >= sequence;
  };
  {
    MutexLock lock(monitor_.mutex());
    if (is_durable()) return {};
    is_wanted_ = true;
    monitor_.notify_all();
  }
  monitor_.run_pending_if_single_threaded();
  MutexLock lock(monitor_.mutex());
  return monitor_.wait_for(is_durable);
}

}  // namespace minikv::engine
