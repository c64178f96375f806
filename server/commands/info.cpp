// STATS, INFO: what the server knows about itself.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "server/commands/compatibility.h"
#include "server/commands/handlers.h"
#include "server/config/text.h"
#include "server/log/log.h"
#include "server/memory/process_memory.h"

namespace minikv::server {

namespace {

using Fields = std::vector<std::pair<std::string_view, std::string>>;

struct Section {
  std::string_view name;
  Fields (*fields)(const ServerState& server, const Stats& store);
};

std::uint64_t uptime_s(const ServerState& server) {
  const auto elapsed = std::chrono::steady_clock::now() - server.started;
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(elapsed).count());
}

template <typename Number>
std::string text(Number number) {
  return fmt::format_int(number).str();
}

// As Redis shows sizes to people: "1.50M".
std::string human_size(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "BKMGT";
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.2f}{}", size, kUnits[unit]);
}

std::string operating_system() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::string cpu_seconds(const timeval& time) { return fmt::format("{}.{:06}", time.tv_sec, time.tv_usec); }

Fields cpu_fields(const ServerState&, const Stats&) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return {{"used_cpu_sys", cpu_seconds(used.ru_stime)},
          {"used_cpu_user", cpu_seconds(used.ru_utime)},
          // There are no child processes.
          {"used_cpu_sys_children", "0.000000"},
          {"used_cpu_user_children", "0.000000"}};
}

std::string kilobytes(std::uint64_t bytes) {
  return fmt::format("{:.2f}", static_cast<double>(bytes) / 1024);
}

Fields store_fields(const ServerState& server, const Stats& stats) {
  return {{"keys", text(stats.keys)},
          {"live_bytes", text(stats.live_bytes)},
          {"dead_bytes", text(stats.dead_bytes)},
          {"disk_bytes", text(stats.disk_bytes)},
          {"index_bytes", text(stats.index_bytes)},
          {"segments", text(stats.segments)},
          {"recycled_segments", text(stats.recycled_segments)},
          {"open_files", text(stats.open_files)},
          {"max_open_files", text(stats.max_open_files)},
          {"last_sequence", text(stats.last_sequence)},
          {"durable_sequence", text(stats.durable_sequence)},
          {"groups", text(stats.groups)},
          {"writes", text(stats.writes)},
          {"syncs", text(stats.syncs)},
          {"compactions", text(stats.compactions)},
          {"reclaimed_bytes", text(stats.reclaimed_bytes)},
          {"lost_keys", text(stats.lost_keys)},
          {"cut_bytes", text(stats.cut_bytes)},
          {"recovery_ms", text(stats.recovery_ms)},
          {"engine_time_ahead_ms", text(stats.time_ahead_ms)},
          {"disk_full", stats.disk_full ? "yes" : "no"},
          {"disk_full_s", text(stats.disk_full_ms / 1000)},
          {"disk_free_bytes", text(stats.disk_free_bytes)},
          {"disk_reserve_bytes", text(stats.disk_reserve_bytes)},
          {"writes_refused_disk_full", text(stats.refused_disk_full)},
          {"writes_refused_io_error", text(stats.refused_io_error)},
          {"writes_refused_read_only", text(stats.refused_read_only)},
          {"writes_refused_memory", text(stats.refused_memory)},
          {"max_index_memory", text(server.store.options().max_index_bytes)},
          {"index_full", stats.index_full ? "yes" : "no"},
          {"index_full_s", text(stats.index_full_ms / 1000)},
          {"writes_refused_index_full", text(stats.refused_index_full)},
          {"writes_failing", stats.writes_failing ? "yes" : "no"},
          {"writes_failing_s", text(stats.writes_failing_ms / 1000)},
          {"read_only", stats.read_only ? "yes" : "no"}};
}

Fields expiry_fields(const Stats& stats) {
  return {{"keys_with_expiry", text(stats.keys_with_expiry)}, {"expired_keys", text(stats.expired_keys)}};
}

Fields server_fields(const ServerState& server, const Stats&) {
  const Counters& counters = server.counters;
  return {{"uptime_s", text(uptime_s(server))},
          {"clients", text(counters.clients.get())},
          {"replies_waiting_bytes", text(counters.replies_waiting.get())},
          {"client_memory_bytes", text(server.client_memory.used())},
          {"max_client_memory", text(server.client_memory.limit())},
          {"clients_waiting_for_memory", text(server.client_memory.waiting())},
          {"requests_refused_for_memory", text(server.client_memory.refusals())},
          {"connections_received", text(counters.connections_received.get())},
          {"connections_rejected", text(counters.connections_rejected.get())},
          {"connections_stalled", text(counters.connections_stalled.get())},
          {"connections_idle_closed", text(counters.connections_idle.get())},
          {"commands", text(counters.commands.get())},
          {"errors", text(counters.errors.get())},
          {"bytes_in", text(counters.bytes_in.get())},
          {"bytes_out", text(counters.bytes_out.get())},
          {"hits", text(counters.hits.get())},
          {"misses", text(counters.misses.get())},
          {"log_lines_lost", text(log_lines_lost())}};
}

// The sections of INFO, with the names that Redis' tools look for.
constexpr Section kSections[] = {
    {"Server",
     [](const ServerState& server, const Stats&) -> Fields {
       return {{"redis_version", std::string(kRedisVersion)},
               {"redis_mode", "standalone"},
               {"minikv_version", server.options.version},
               {"os", operating_system()},
               {"arch_bits", text(8 * sizeof(void*))},
               {"multiplexing_api", "epoll"},
               {"process_id", text(::getpid())},
               {"run_id", server.run_id},
               {"tcp_port", text(server.port)},
               {"uptime_in_seconds", text(uptime_s(server))},
               {"uptime_in_days", text(uptime_s(server) / 86'400)},
               {"io_threads", text(server.options.io_threads)}};
     }},
    {"Clients",
     [](const ServerState& server, const Stats&) -> Fields {
       return {{"connected_clients", text(server.counters.clients.get())},
               // No command blocks its client until others do something.
               {"blocked_clients", "0"},
               {"tracking_clients", "0"},
               {"replies_waiting_bytes", text(server.counters.replies_waiting.get())},
               {"clients_waiting_for_memory", text(server.client_memory.waiting())},
               {"requests_refused_for_memory", text(server.client_memory.refusals())},
               {"maxclients", text(server.options.max_clients)}};
     }},
    {"Memory",
     [](const ServerState& server, const Stats& stats) -> Fields {
       const ProcessMemory memory = process_memory();
       return {{"used_memory", text(memory.own)},
               {"used_memory_human", human_size(memory.own)},
               {"used_memory_rss", text(memory.resident)},
               {"used_memory_rss_human", human_size(memory.resident)},
               {"maxmemory_policy", "noeviction"},
               {"used_memory_index", text(stats.index_bytes)},
               {"mem_clients_normal", text(server.client_memory.used())},
               {"max_client_memory", text(server.client_memory.limit())}};
     }},
    {"Persistence",
     [](const ServerState& server, const Stats& stats) -> Fields {
       Fields fields = {{"loading", "0"},
                        {"async_loading", "0"},
                        {"rdb_changes_since_last_save",
                         text(stats.last_sequence - std::min(stats.durable_sequence, stats.last_sequence))},
                        {"rdb_bgsave_in_progress", "0"},
                        {"rdb_last_save_time", text(stats.durable_unix_ms / 1000)},
                        {"aof_enabled", "1"},
                        {"aof_rewrite_in_progress", "0"},
                        {"aof_rewrite_scheduled", "0"},
                        {"aof_last_write_status",
                         stats.read_only || stats.disk_full || stats.writes_failing ? "err" : "ok"},
                        {"writes_failing_reason", one_line(stats.writes_failing_reason)},
                        {"read_only_reason", stats.read_only_reason}};
       for (auto& field : store_fields(server, stats)) fields.push_back(std::move(field));
       return fields;
     }},
    {"Stats",
     [](const ServerState& server, const Stats& stats) -> Fields {
       const Counters& counters = server.counters;
       const Rates::PerSecond rates = server.rates.at(Rates::Clock::now());
       return {{"total_connections_received", text(counters.connections_received.get())},
               {"rejected_connections", text(counters.connections_rejected.get())},
               {"total_commands_processed", text(counters.commands.get())},
               {"total_error_replies", text(counters.errors.get())},
               {"total_net_input_bytes", text(counters.bytes_in.get())},
               {"total_net_output_bytes", text(counters.bytes_out.get())},
               {"instantaneous_ops_per_sec", text(rates.commands)},
               {"instantaneous_input_kbps", kilobytes(rates.bytes_in)},
               {"instantaneous_output_kbps", kilobytes(rates.bytes_out)},
               {"expired_keys", text(stats.expired_keys)},
               {"evicted_keys", "0"},
               {"evicted_clients", "0"},
               {"keyspace_hits", text(counters.hits.get())},
               {"keyspace_misses", text(counters.misses.get())},
               {"pubsub_channels", "0"},
               {"pubsub_patterns", "0"},
               {"latest_fork_usec", "0"},
               {"total_forks", "0"}};
     }},
    {"Replication",
     [](const ServerState&, const Stats&) -> Fields {
       return {{"role", "master"},
               {"connected_slaves", "0"},
               {"master_repl_offset", "0"},
               {"repl_backlog_active", "0"}};
     }},
    {"CPU", &cpu_fields},
    {"Modules", [](const ServerState&, const Stats&) -> Fields { return {}; }},
    {"Cluster", [](const ServerState&, const Stats&) -> Fields { return {{"cluster_enabled", "0"}}; }},
    {"Keyspace",
     [](const ServerState&, const Stats& stats) -> Fields {
       if (stats.keys == 0) return {};
       return {{"db0", fmt::format("keys={},expires={},avg_ttl=0", stats.keys, stats.keys_with_expiry)}};
     }},
};

bool is_wanted(const Section& section, std::span<const protocol::Arg> wanted) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const protocol::Arg& arg) {
           return protocol::equals_ignoring_case(arg.bytes, section.name) ||
                  protocol::equals_ignoring_case(arg.bytes, "all") ||
                  protocol::equals_ignoring_case(arg.bytes, "default") ||
                  protocol::equals_ignoring_case(arg.bytes, "everything");
         });
}

std::string info(const Context& context) {
  const Stats stats = context.store().stats();
  std::string block;
  for (const Section& section : kSections) {
    if (!is_wanted(section, context.args)) continue;
    if (!block.empty()) block += "\r\n";
    fmt::format_to(std::back_inserter(block), "# {}\r\n", section.name);
    for (const auto& [name, value] : section.fields(context.server, stats)) {
      fmt::format_to(std::back_inserter(block), "{}:{}\r\n", name, value);
    }
  }
  return block;
}

}  // namespace

// One figure a line: its name, a space, its value.
template <>
void handle<kStats>(Context& context) {
  const Stats stats = context.store().stats();
  std::string block;
  for (const auto& fields :
       {store_fields(context.server, stats), expiry_fields(stats), server_fields(context.server, stats)}) {
    for (const auto& [name, value] : fields)
      fmt::format_to(std::back_inserter(block), "{} {}\n", name, value);
  }
  if (context.is_text()) return context.reply.text(block);
  context.reply.bulk(block);
}

template <>
void handle<kInfo>(Context& context) {
  const std::string block = info(context);
  if (context.is_text()) return context.reply.text(block);
  context.reply.verbatim(block);
}

}  // namespace minikv::server
