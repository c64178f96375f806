// Counters, states, and sums over the segments.
#include "engine/store/stats.h"

#include <atomic>
#include <cstdint>

namespace minikv::engine {
namespace {

std::uint64_t value_of(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

void add_counters(const Counters& counters, Stats& stats) {
  stats.groups = value_of(counters.groups);
  stats.writes = value_of(counters.writes);
  stats.syncs = value_of(counters.syncs);
  stats.compactions = value_of(counters.compactions);
  stats.reclaimed_bytes = value_of(counters.reclaimed_bytes);
  stats.lost_keys = value_of(counters.lost_keys);
  stats.expired_keys = value_of(counters.expired_keys);
  stats.recycled_segments = value_of(counters.recycled);
  stats.cut_bytes = value_of(counters.cut_bytes);
  stats.recovery_ms = value_of(counters.recovery_ms);
  stats.refused_disk_full = value_of(counters.refused_disk_full);
  stats.refused_io_error = value_of(counters.refused_io_error);
  stats.refused_read_only = value_of(counters.refused_read_only);
  stats.refused_memory = value_of(counters.refused_memory);
  stats.refused_index_full = value_of(counters.refused_index_full);
}

// Adds what the keys and the segments take.
void add_sizes(SharedState& state, Stats& stats) {
  std::uint64_t used_bytes = 0;
  {
    SharedGuard guard(state.lock);
    stats.keys_with_expiry = state.index.keys_with_expiry();
    stats.keys = state.key_count(state.clock.now_ms());
    stats.index_bytes = state.index.memory_bytes();
    stats.segments = state.segments.size();
    for (const auto& [id, segment] : state.segments) {
      stats.live_bytes += segment->live();
      used_bytes += segment->used();
    }
  }
  stats.dead_bytes = used_bytes > stats.live_bytes ? used_bytes - stats.live_bytes : 0;
}

}  // namespace

Stats gather_stats(SharedState& state, const Keeper& keeper) {
  Stats stats;
  stats.last_sequence = state.visible_sequence.load(std::memory_order_acquire);
  stats.durable_sequence = state.durable_sequence.load(std::memory_order_acquire);
  stats.durable_unix_ms = state.durable_wall_ms.load(std::memory_order_relaxed);
  add_counters(state.counters, stats);
  stats.open_files = state.open_files->open_now();
  stats.max_open_files = state.file_budget.total();
  stats.time_ahead_ms = state.clock.now().ahead_ms();
  stats.index_full_ms = static_cast<std::uint64_t>(state.full_index.duration_ms(state.clock.steady_ms()));
  stats.index_full = stats.index_full_ms > 0;
  stats.disk_full_ms = static_cast<std::uint64_t>(state.full_disk.duration_ms(state.clock.steady_ms()));
  stats.disk_full = stats.disk_full_ms > 0;
  stats.writes_failing_ms =
      static_cast<std::uint64_t>(state.failing_writes.duration_ms(state.clock.steady_ms()));
  stats.writes_failing = stats.writes_failing_ms > 0;
  if (stats.writes_failing) stats.writes_failing_reason = state.failing_writes.why().message();
  const DiskRoom room = keeper.spare().room();
  stats.disk_free_bytes = room.free_bytes;
  stats.disk_reserve_bytes = room.reserve_bytes;
  stats.read_only = state.health.is_read_only();
  stats.read_only_reason = state.health.reason();
  add_sizes(state, stats);
  for (const ManifestSegment& entry : keeper.manifest().segments()) stats.disk_bytes += entry.size;
  return stats;
}

}  // namespace minikv::engine
