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

// When an acknowledged write is on disk. In every mode write() has returned before the answer, so that a
// killed process loses nothing; the modes differ in what a power cut may take.
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

  // What the index may take in memory (Stats::index_bytes). A write that makes it larger is refused beyond
  // that, with kOutOfMemory and as a whole; deletes and overwrites pass, and a store that has more is opened.
  // 0: no limit.
  std::uint64_t max_index_bytes = 0;

  // Threads that read values which are not in memory, for those who can't wait (see Store::run_on_reader());
  // at most this many such reads wait for the disk at the same time. At least 1.
  std::uint32_t reader_threads = 4;

  // Compaction by itself starts only when at least this many sealed segments exist, and when this share of
  // the bytes of some of them, or of all together, is dead. 0 segments: never by itself.
  std::uint32_t compaction_threshold = 3;
  double compaction_dead_ratio = 0.5;
  std::uint32_t compaction_threads = 1;  // from 1 to 16; they work on different segments
  std::uint64_t compaction_rate_limit =
      0;  // bytes a second that all of them read together; 0: as fast as it goes

  // Files that the store has open at the same time, at most; it may have any number of segments. 0: half of
  // what the process may still open when the store is opened. At least least_open_files().
  std::uint32_t max_open_files = 0;

  // Open a store although records are damaged beyond a name: what can't be read is given up, and older values
  // of the keys concerned may come back. What was accepted is written down, so that later starts need not say
  // it. Said in so many words, because nothing else in minikv loses data silently.
  bool accept_data_loss = false;
  // Open a store whose last recorded time is more than an hour ahead of this machine's clock.
  bool accept_clock_jump = false;

  // What the store has to say for the log. Called from any of the store's threads. Empty: nothing is logged.
  std::function<void(LogLevel, std::string_view)> log;

  // For tests: the simulated disk and clock. Null: the real ones. Not owned; must outlive the store.
  engine::FileSystem* file_system = nullptr;
  engine::Clock* clock = nullptr;
  // For tests: no threads at all. Writes, seals, the spare and compaction run inside the call that causes
  // them, so that a history is the same at every run.
  bool single_threaded = false;
  std::uint64_t min_segment_size = kMiB;
};

// The least that Options::max_open_files may be, with these numbers of threads.
std::uint64_t least_open_files(const Options& options);

}  // namespace minikv
