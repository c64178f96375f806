// The settings of a server, as values. settings.h has the name, the accepted values and the meaning of each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "minikv/options.h"
#include "minikv/status.h"

namespace minikv::server {

// Half of the machine's processors, at least 1 and at most 4: the writer, the sync helper and the kernel need
// some too.
std::uint64_t default_io_threads();

// Every field has a default that is safe; no default is written down anywhere else.
// Sizes are in bytes. All numbers are 64 bits wide here; the table enforces their narrower ranges.
// Thread safety: as a std::string.
struct Config {
  std::vector<std::string> bind = {"127.0.0.1"};
  std::uint64_t port = 7379;
  std::uint64_t io_threads = default_io_threads();
  std::uint64_t max_clients = 10'000;
  std::uint64_t idle_timeout = 0;     // seconds
  std::uint64_t tcp_keepalive = 300;  // seconds
  std::string port_file;
  std::string password_file;

  std::string data_dir = "./data";
  Fsync fsync = Fsync::kAlways;
  std::uint64_t fsync_interval_ms = 1000;
  std::uint64_t segment_size = 64 * kMiB;
  std::uint64_t compaction_threshold = 3;
  std::uint64_t reader_threads = Options{}.reader_threads;
  double compaction_dead_ratio = 0.5;
  std::uint64_t compaction_threads = 1;
  std::uint64_t compaction_rate_limit = 0;

  std::uint64_t max_key_bytes = kMaxKeyBytes;
  std::uint64_t max_value_bytes = 64 * kMiB;
  std::uint64_t max_batch_bytes = 256 * kMiB;
  std::uint64_t max_line_bytes = 256 * 1024;
  std::uint64_t max_reply_bytes = 16 * kMiB;
  std::uint64_t max_client_memory = 0;  // 0: default_client_memory()
  std::uint64_t max_index_memory = 0;   // 0: default_index_memory()
  std::uint64_t max_client_reply_bytes = 256 * kMiB;
  std::uint64_t max_waiting_reply_bytes = 1024 * kMiB;
  std::uint64_t request_timeout = 30;  // seconds

  std::uint64_t slow_log_slower_than_us = 10'000;
  std::uint64_t slow_log_max_len = 128;
  LogLevel log_level = LogLevel::kInfo;

  bool accept_data_loss = false;
  bool accept_clock_jump = false;
};

// Checks whether the values fit each other, which no single setting's range can say. kInvalidArgument names
// the settings.
Status check_together(const Config& config);

}  // namespace minikv::server
