// How far the log has come: what is written, what is durable, what readers see.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/clock.h"

namespace minikv::engine {

// Thread safety: all members may be called from any thread.
struct LogProgress {
  explicit LogProgress(const Clock& clock) : wall_clock(clock) {}

  // The last sequence of which write() has returned, and the last one that a successful sync covers. A sync
  // covers a record if its write() had returned before the sync was called.
  std::atomic<std::uint64_t> written_sequence{0};
  std::atomic<std::uint64_t> durable_sequence{0};
  // When the durable sequence was last raised or confirmed, by the wall clock.
  std::atomic<std::int64_t> durable_wall_ms{0};
  // The last sequence that was published. Look-ups do not use it.
  std::atomic<std::uint64_t> visible_sequence{0};
  const Clock& wall_clock;

  // A sync has covered everything up to `sequence`.
  void note_durable(std::uint64_t sequence) {
    raise(durable_sequence, sequence);
    durable_wall_ms.store(wall_clock.wall_ms(), std::memory_order_relaxed);
  }
  static void raise(std::atomic<std::uint64_t>& number, std::uint64_t to) {
    std::uint64_t seen = number.load(std::memory_order_relaxed);
    while (seen < to && !number.compare_exchange_weak(seen, to, std::memory_order_acq_rel)) {
    }
  }
};

}  // namespace minikv::engine
