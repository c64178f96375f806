// How a store is opened. Every field has a default that is safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace minikv {

namespace engine {
class FileSystem;
class Clock;
}  // namespace engine

inline constexpr std::uint64_t kMiB = 1024 * 1024;
inline constexpr std::uint32_t kMaxKeyBytes = 65'535;

// When an acknowledged write is on disk. In every mode write(2) has returned before the answer, so that a
// killed process loses nothing. The modes differ in what a power cut may take.
enum class Fsync : std::uint8_t {
  kAlways,    // nothing: synced before it is acknowledged
  kInterval,  // at most the last `fsync_interval_ms` plus the duration of one sync
  kNever,     // what the kernel had not written back by itself
};

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

struct Options {
  bool create_if_missing = true;

  std::uint64_t segment_size =
      64 * kMiB;  // at least 1 MiB (the simulation goes lower, see `min_segment_size`)
  Fsync fsync = Fsync::kAlways;
  std::uint32_t fsync_interval_ms = 1000;  // at least 1; used by kInterval

  std::uint32_t max_key_bytes = kMaxKeyBytes;
  std::uint64_t max_value_bytes = 64 * kMiB;
  std::uint64_t max_batch_bytes = 256 * kMiB;
  std::uint64_t max_queue_bytes =
      256 * kMiB;  // writes that wait for the writer thread; more must wait outside

  // The maximum number of bytes that the index may take in memory (Stats::index_bytes). A write that would
  // make the index larger than that is refused, with kOutOfMemory and as a whole; deletes and overwrites
  // pass. A store with a larger index is opened all the same. 0: no limit.
  std::uint64_t max_index_bytes = 0;

  // Threads that read values which are not in memory, for callers that can't wait (see
  // Store::run_on_reader()). At most this many such reads wait for the disk at the same time. At least 1.
  std::uint32_t reader_threads = 4;

  // Automatic compaction starts only when at least this many sealed segments exist, and when this share of
  // the bytes of some of them, or of all together, is dead. 0 segments: it never starts.
  std::uint32_t compaction_threshold = 3;
  double compaction_dead_ratio = 0.5;
  std::uint32_t compaction_threads = 1;     // from 1 to 16; they work on different segments
  std::uint64_t compaction_rate_limit = 0;  // bytes a second that all of them read together; 0: no limit

  // The maximum number of files that the store has open at the same time, whatever its number of segments. 0:
  // half of what the process may still open when the store is opened. At least least_open_files().
  std::uint32_t max_open_files = 0;

  // Opens a store although damaged records do not tell their keys: the store gives up what it can't read, and
  // older values of the keys concerned may come back. The manifest records the accepted loss, so that later
  // starts do not need the option. The option is explicit because nothing else in minikv loses data silently.
  bool accept_data_loss = false;
  // Opens a store although its last recorded time is more than an hour ahead of this machine's clock.
  bool accept_clock_jump = false;

  // Receives the store's log lines, on any of the store's threads. Empty: nothing is logged.
  std::function<void(LogLevel, std::string_view)> log;

  // For tests: the simulated disk and clock. Null: the real ones. Not owned; must outlive the store.
  engine::FileSystem* file_system = nullptr;
  engine::Clock* clock = nullptr;
  // For tests: no threads at all. Writes, seals, the spare and compaction run inside the call that causes
  // them, so that a history is the same at every run.
  bool single_threaded = false;
  std::uint64_t min_segment_size = kMiB;
};

// The minimum of Options::max_open_files, for the numbers of threads in `options`.
std::uint64_t least_open_files(const Options& options);

}  // namespace minikv
