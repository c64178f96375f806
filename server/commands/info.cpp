// STATS, INFO, CONFIG: what the server knows about itself.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "server/commands/compatibility.h"
#include "server/commands/glob.h"
#include "server/commands/handlers.h"
#include "server/commands/subcommands.h"

namespace minikv::server {

namespace errors = protocol::errors;

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

// What this process has in memory, of the second number in /proc/self/statm; 0 where that can't be had.
std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return 0;
  return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

template <typename Number>
std::string text(Number number) {
  return fmt::format_int(number).str();
}

Fields store_fields(const ServerState&, const Stats& stats) {
  return {{"keys", text(stats.keys)},
          {"live_bytes", text(stats.live_bytes)},
          {"dead_bytes", text(stats.dead_bytes)},
          {"disk_bytes", text(stats.disk_bytes)},
          {"index_bytes", text(stats.index_bytes)},
          {"segments", text(stats.segments)},
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
          {"connections_received", text(counters.connections_received.get())},
          {"connections_rejected", text(counters.connections_rejected.get())},
          {"connections_stalled", text(counters.connections_stalled.get())},
          {"commands", text(counters.commands.get())},
          {"errors", text(counters.errors.get())},
          {"bytes_in", text(counters.bytes_in.get())},
          {"bytes_out", text(counters.bytes_out.get())},
          {"hits", text(counters.hits.get())},
          {"misses", text(counters.misses.get())}};
}

// The sections of INFO, with the names that Redis' tools look for.
constexpr Section kSections[] = {
    {"Server",
     [](const ServerState& server, const Stats&) -> Fields {
       return {{"redis_version", std::string(kRedisVersion)},
               {"redis_mode", "standalone"},
               {"minikv_version", server.options.version},
               {"process_id", text(::getpid())},
               {"tcp_port", text(server.port)},
               {"uptime_in_seconds", text(uptime_s(server))},
               {"uptime_in_days", text(uptime_s(server) / 86'400)},
               {"io_threads", text(server.options.io_threads)}};
     }},
    {"Clients",
     [](const ServerState& server, const Stats&) -> Fields {
       return {{"connected_clients", text(server.counters.clients.get())},
               {"replies_waiting_bytes", text(server.counters.replies_waiting.get())},
               {"maxclients", text(server.options.max_clients)}};
     }},
    {"Memory",
     [](const ServerState&, const Stats& stats) -> Fields {
       const std::uint64_t resident = resident_bytes();
       return {{"used_memory", text(resident)},
               {"used_memory_rss", text(resident)},
               {"used_memory_index", text(stats.index_bytes)}};
     }},
    {"Persistence",
     [](const ServerState& server, const Stats& stats) -> Fields {
       Fields fields = {{"loading", "0"},
                        {"aof_enabled", "1"},
                        {"aof_last_write_status", stats.read_only ? "err" : "ok"},
                        {"read_only_reason", stats.read_only_reason}};
       for (auto& field : store_fields(server, stats)) fields.push_back(std::move(field));
       return fields;
     }},
    {"Stats",
     [](const ServerState& server, const Stats& stats) -> Fields {
       const Counters& counters = server.counters;
       return {{"total_connections_received", text(counters.connections_received.get())},
               {"rejected_connections", text(counters.connections_rejected.get())},
               {"total_commands_processed", text(counters.commands.get())},
               {"total_error_replies", text(counters.errors.get())},
               {"total_net_input_bytes", text(counters.bytes_in.get())},
               {"total_net_output_bytes", text(counters.bytes_out.get())},
               {"expired_keys", text(stats.expired_keys)},
               {"keyspace_hits", text(counters.hits.get())},
               {"keyspace_misses", text(counters.misses.get())}};
     }},
    {"Replication",
     [](const ServerState&, const Stats&) -> Fields {
       return {{"role", "master"}, {"connected_slaves", "0"}};
     }},
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
  if (!context.connection.is_quiet()) return context.connection.defer();
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
  if (!context.connection.is_quiet()) return context.connection.defer();
  const std::string block = info(context);
  if (context.is_text()) return context.reply.text(block);
  context.reply.verbatim(block);
}

namespace {

void tell_settings(const Context& context) {
  std::vector<std::pair<std::string_view, std::string_view>> found;
  const auto look_at = [&](std::string_view name, std::string_view value) {
    const auto matches = [&](const protocol::Arg& pattern) {
      return glob_matches(pattern.bytes, name, GlobCase::kIgnored);
    };
    if (std::ranges::any_of(context.args.subspan(1), matches)) found.emplace_back(name, value);
  };
  for (const auto& [name, value] : context.server.options.settings) look_at(name, value);
  // Redis' benchmark and some libraries ask for these: there are no snapshots, and every write is logged.
  look_at("save", "");
  look_at("appendonly", "yes");
  context.reply.map(found.size());
  for (const auto& [name, value] : found) {
    context.reply.bulk(name);
    context.reply.bulk(value);
  }
}

// What is in force is what the server was started with.
void refuse_setting(const Context& context) {
  if (context.args.size() % 2 == 0) return context.fail(errors::usage(context.command));
  for (std::size_t i = 1; i < context.args.size(); i += 2) {
    const auto is_it = [&](const auto& setting) {
      return protocol::equals_ignoring_case(setting.first, context.arg(i));
    };
    if (std::ranges::none_of(context.server.options.settings, is_it)) {
      return context.fail(errors::unknown_setting(context.arg(i)));
    }
  }
  context.fail(errors::immutable_setting(context.arg(1)));
}

}  // namespace

template <>
void handle<kConfig>(Context& context) {
  const auto is = [&](std::string_view name) { return protocol::equals_ignoring_case(context.arg(0), name); };
  const std::size_t given = context.args.size() - 1;
  if (is("get") && given >= 1) return tell_settings(context);
  if (is("set") && given >= 2) return refuse_setting(context);
  if (is("help") && given == 0) return tell_subcommands(context);
  if (is("resetstat") && given == 0) {
    context.server.counters.reset();
    return context.reply.ok();
  }
  if (is("get") || is("set") || is("help") || is("resetstat")) {
    return context.fail(errors::wrong_arity(context.command, context.arg(0)));
  }
  context.fail(errors::unknown_subcommand(context.command, context.arg(0)));
}

}  // namespace minikv::server
