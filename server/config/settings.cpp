// The table itself, a row for each setting, and how it is searched.
#include "server/config/settings.h"

#include <algorithm>
#include <array>

namespace minikv::server {
namespace {

constexpr std::string_view kWriteModes[] = {"always", "interval", "never"};
constexpr std::string_view kLogLevels[] = {"debug", "info", "warn", "error"};

constexpr std::string_view kNetwork = "Network";
constexpr std::string_view kStorage = "Storage";
constexpr std::string_view kLimits = "Limits";
constexpr std::string_view kLogging = "Logging";
constexpr std::string_view kConsent = "Consent, for one start";

constexpr std::uint64_t kMaxSeconds = 100'000'000;
constexpr std::uint64_t kMaxKeepaliveSeconds = 32'767;  // Linux takes no more
constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kGiB = 1024 * kMiB;

constexpr std::array kSettings = {
    Setting{.key = "bind",
            .section = kNetwork,
            .type = SettingType::kList,
            .field = &Config::bind,
            .operand = "ADDRESS[,ADDRESS]",
            .help = "Addresses to listen on; 0.0.0.0 is every IPv4 address, :: every IPv6 one"},
    Setting{.key = "port",
            .section = kNetwork,
            .type = SettingType::kInteger,
            .field = &Config::port,
            .min = 0,
            .max = 65'535,
            .operand = "N",
            .help = "TCP port; 0 takes any that is free"},
    Setting{.key = "port_file",
            .section = kNetwork,
            .type = SettingType::kText,
            .field = &Config::port_file,
            .operand = "FILE",
            .help = "Write the port there once clients are served, and remove the file at the end"},
    Setting{.key = "password_file",
            .section = kNetwork,
            .type = SettingType::kText,
            .field = &Config::password_file,
            .operand = "FILE",
            .help = "Ask clients for the password that is this file's first line"},
    Setting{.key = "io_threads",
            .section = kNetwork,
            .type = SettingType::kInteger,
            .field = &Config::io_threads,
            .min = 1,
            .max = 64,
            .default_note = "half of the processors, 1 to 4",
            .operand = "N",
            .help = "Threads that serve connections"},
    Setting{.key = "max_clients",
            .section = kNetwork,
            .type = SettingType::kInteger,
            .field = &Config::max_clients,
            .min = 1,
            .max = 1'000'000,
            .operand = "N",
            .help = "Connections at the same time; further ones are told -MAXCLIENTS and closed"},
    Setting{.key = "idle_timeout",
            .section = kNetwork,
            .type = SettingType::kInteger,
            .field = &Config::idle_timeout,
            .min = 0,
            .max = kMaxSeconds,
            .operand = "S",
            .help = "Close connections from which nothing has come for so many seconds; 0: never"},
    Setting{
        .key = "tcp_keepalive",
        .section = kNetwork,
        .type = SettingType::kInteger,
        .field = &Config::tcp_keepalive,
        .min = 0,
        .max = kMaxKeepaliveSeconds,
        .operand = "S",
        .help = "Ask the client's machine after so many silent seconds whether it is still there; 0: never"},

    Setting{.key = "data_dir",
            .section = kStorage,
            .type = SettingType::kText,
            .field = &Config::data_dir,
            .operand = "DIR",
            .help = "Where the data is; made if it is not there, and used by one server at a time"},
    Setting{
        .key = "fsync",
        .section = kStorage,
        .type = SettingType::kChoice,
        .field = &Config::fsync,
        .choices = kWriteModes,
        .operand = "WHEN",
        .help =
            "When a write is on disk: before it is acknowledged, every fsync_interval_ms, or when the kernel "
            "likes"},
    Setting{.key = "fsync_interval_ms",
            .section = kStorage,
            .type = SettingType::kInteger,
            .field = &Config::fsync_interval_ms,
            .min = 1,
            .max = 60'000,
            .operand = "MS",
            .help = "With fsync=interval: milliseconds between two syncs, and so what a power cut may take"},
    Setting{.key = "segment_size",
            .section = kStorage,
            .type = SettingType::kSize,
            .field = &Config::segment_size,
            .min = kMiB,
            .max = kGiB,
            .operand = "SIZE",
            .help = "Size of a data file; the next one is begun when it is full"},
    Setting{.key = "compaction_threshold",
            .section = kStorage,
            .type = SettingType::kInteger,
            .field = &Config::compaction_threshold,
            .min = 1,
            .max = 100'000,
            .operand = "N",
            .help = "Compaction starts by itself only when there are this many full data files"},
    Setting{
        .key = "reader_threads",
        .section = kStorage,
        .type = SettingType::kInteger,
        .field = &Config::reader_threads,
        .min = 1,
        .max = 64,
        .operand = "N",
        .help = "Threads that read values which are not in memory, so that nobody else waits for the disk"},
    Setting{
        .key = "compaction_dead_ratio",
        .section = kStorage,
        .type = SettingType::kRatio,
        .field = &Config::compaction_dead_ratio,
        .operand = "RATIO",
        .help =
            "Compaction starts by itself when this share of a data file, or of all, is of no use any more"},
    Setting{.key = "compaction_threads",
            .section = kStorage,
            .type = SettingType::kInteger,
            .field = &Config::compaction_threads,
            .min = 1,
            .max = 16,
            .operand = "N",
            .help = "Threads that compact by themselves, each on data files of its own"},
    Setting{.key = "compaction_rate_limit",
            .section = kStorage,
            .type = SettingType::kSize,
            .field = &Config::compaction_rate_limit,
            .min = 0,
            .max = 64 * kGiB,
            .operand = "SIZE",
            .help = "Bytes a second that compaction may read; 0: as fast as it goes"},

    Setting{.key = "max_key_bytes",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_key_bytes,
            .min = 1,
            .max = kMaxKeyBytes,
            .operand = "SIZE",
            .help = "Longest key"},
    Setting{.key = "max_value_bytes",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_value_bytes,
            .min = 1,
            .max = 512 * kMiB,
            .operand = "SIZE",
            .help = "Longest value"},
    Setting{.key = "max_batch_bytes",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_batch_bytes,
            .min = kMiB,
            .max = kGiB,
            .operand = "SIZE",
            .help = "Most that one atomic write (MSET, for example) may bring"},
    Setting{.key = "max_line_bytes",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_line_bytes,
            .min = kKiB,
            .max = 64 * kMiB,
            .operand = "SIZE",
            .help = "Longest line of the text protocol"},
    Setting{.key = "max_reply_bytes",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_reply_bytes,
            .min = 4 * kKiB,
            .max = kGiB,
            .operand = "SIZE",
            .help = "list, scan and range end a page when their reply passes this"},
    Setting{.key = "max_client_reply_bytes",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_client_reply_bytes,
            .min = 64 * kKiB,
            .max = 64 * kGiB,
            .operand = "SIZE",
            .help = "Replies that one client has not taken, before the server stops reading its requests"},
    Setting{.key = "max_waiting_reply_bytes",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_waiting_reply_bytes,
            .min = kMiB,
            .max = 1024 * kGiB,
            .operand = "SIZE",
            .help = "Replies that clients have not taken, all together; near to it each client may have "
                    "fewer waiting"},
    Setting{.key = "max_client_memory",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_client_memory,
            .min = 0,
            .max = 1024 * kGiB,
            .operand = "SIZE",
            .help =
                "Memory for all that clients make the server hold; 0: a quarter of what the process may use, "
                "or what the largest value needs"},
    Setting{.key = "max_index_memory",
            .section = kLimits,
            .type = SettingType::kSize,
            .field = &Config::max_index_memory,
            .min = 0,
            .max = 1024 * kGiB,
            .operand = "SIZE",
            .help = "Memory for keys; writes that add some are refused beyond it; 0: up to half "
                    "of what the process may use"},
    Setting{.key = "request_timeout",
            .section = kLimits,
            .type = SettingType::kInteger,
            .field = &Config::request_timeout,
            .min = 1,
            .max = 3600,
            .operand = "S",
            .help = "Seconds that a request waits for memory, or walks over keys, before it is refused"},

    Setting{.key = "log_level",
            .section = kLogging,
            .type = SettingType::kChoice,
            .field = &Config::log_level,
            .choices = kLogLevels,
            .operand = "LEVEL",
            .help = "The least important lines that are logged, to stderr"},
    Setting{.key = "slow_log_slower_than_us",
            .section = kLogging,
            .type = SettingType::kInteger,
            .field = &Config::slow_log_slower_than_us,
            .min = 0,
            .max = 3'600'000'000,
            .operand = "US",
            .help = "Keep commands that take so many microseconds or more for SLOWLOG"},
    Setting{.key = "slow_log_max_len",
            .section = kLogging,
            .type = SettingType::kInteger,
            .field = &Config::slow_log_max_len,
            .min = 0,
            .max = 100'000,
            .operand = "N",
            .help = "How many commands SLOWLOG keeps; 0: none"},

    Setting{
        .key = "accept_data_loss",
        .section = kConsent,
        .type = SettingType::kFlag,
        .field = &Config::accept_data_loss,
        .help =
            "Open a store although records are damaged beyond a name; older values of their keys may come "
            "back. Needed once: what was accepted is written down"},
    Setting{
        .key = "accept_clock_jump",
        .section = kConsent,
        .type = SettingType::kFlag,
        .field = &Config::accept_clock_jump,
        .help = "Open a store whose last recorded time is more than an hour ahead of this machine's clock"},
};

}  // namespace

std::span<const Setting> settings() { return kSettings; }

const Setting* find_setting(std::string_view key) {
  const auto* found =
      std::find_if(kSettings.begin(), kSettings.end(), [&](const Setting& s) { return s.key == key; });
  return found == kSettings.end() ? nullptr : found;
}

std::vector<std::string_view> setting_keys() {
  std::vector<std::string_view> keys;
  for (const Setting& setting : kSettings) keys.push_back(setting.key);
  return keys;
}

std::vector<std::pair<std::string, std::string>> setting_values(const Config& config) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const Setting& setting : kSettings) values.emplace_back(setting.key, setting.get(config));
  return values;
}

}  // namespace minikv::server
