#include "server/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "minikv/store.h"
#include "server/config/load.h"
#include "server/config/render.h"
#include "server/daemon_log.h"
#include "server/daemon_process.h"
#include "server/daemon_signals.h"
#include "server/server.h"
#include "server/tools/tools.h"

namespace minikv::server {
namespace {

// Descriptors for the log, event loops and so on, and for data files that are still to come; each that is there has one
// of its own.
constexpr std::uint64_t kFilesBesideClients = 512;

int refuse(const Status& status) {
  print_refusal(status.message());
  return kExitRefused;
}

// The system's own words ("Not a directory") say what is wrong; what to do is the same for all of them.
int refuse_store(const Config& config, const Status& status) {
  if (status.code() != StatusCode::kIoError) return refuse(status);
  print_refusal(fmt::format("{}: data_dir {} has to be a directory that this user may read and write",
                            status.message(), config.data_dir));
  return kExitRefused;
}

ServerOptions server_options(const Config& config, const std::string& version) {
  ServerOptions options;
  options.bind = config.bind;
  options.port = static_cast<std::uint16_t>(config.port);
  options.io_threads = static_cast<unsigned>(config.io_threads);
  options.max_clients = config.max_clients;
  options.max_reply_bytes = config.max_reply_bytes;
  options.max_total_output_bytes = config.max_waiting_reply_bytes;
  options.parser.max_line_bytes = config.max_line_bytes;
  options.parser.max_key_bytes = config.max_key_bytes;
  options.parser.max_value_bytes = config.max_value_bytes;
  options.slow_log_slower_than = std::chrono::microseconds(config.slow_log_slower_than_us);
  options.slow_log_max_len = config.slow_log_max_len;
  options.request_stop = [] { (void)::kill(::getpid(), SIGTERM); };
  options.settings = setting_values(config);
  options.version = version;
  return options;
}

// The password that clients have to know; empty: they need none.
Result<std::string> read_password(const Config& config) {
  if (config.password_file.empty()) return std::string();
  std::ifstream file(config.password_file);
  std::string password;
  if (!file || !std::getline(file, password)) {
    return {StatusCode::kInvalidArgument,
            fmt::format("password_file {} can't be read, or is empty: its first line has to be the password",
                        config.password_file)};
  }
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty()) {
    return {StatusCode::kInvalidArgument,
            fmt::format("password_file {}: its first line, which has to be the password, is empty",
                        config.password_file)};
  }
  return password;
}

Options store_options(const Config& config) {
  Options options;
  options.segment_size = config.segment_size;
  options.fsync = config.fsync;
  options.fsync_interval_ms = static_cast<std::uint32_t>(config.fsync_interval_ms);
  options.max_key_bytes = static_cast<std::uint32_t>(config.max_key_bytes);
  options.max_value_bytes = config.max_value_bytes;
  options.max_batch_bytes = config.max_batch_bytes;
  options.compaction_threshold = static_cast<std::uint32_t>(config.compaction_threshold);
  options.reader_threads = static_cast<std::uint32_t>(config.reader_threads);
  options.compaction_dead_ratio = config.compaction_dead_ratio;
  options.compaction_threads = static_cast<std::uint32_t>(config.compaction_threads);
  options.compaction_rate_limit = config.compaction_rate_limit;
  options.accept_data_loss = config.accept_data_loss;
  options.accept_clock_jump = config.accept_clock_jump;
  return options;
}

// So many connections as the limit of open files leaves room for.
void fit_max_clients(Config& config, const Stats& stats, spdlog::logger& logger) {
  const std::uint64_t limit = open_files_limit();
  const std::uint64_t others =
      kFilesBesideClients + 2 * stats.segments;  // compaction writes new ones beside the old
  const std::uint64_t room = limit > 2 * others ? limit - others : std::max<std::uint64_t>(limit / 2, 1);
  if (config.max_clients <= room) return;
  logger.warn(
      "max_clients lowered from {} to {}: the limit of open files is {} (raise it with ulimit -n or "
      "LimitNOFILE)",
      config.max_clients, room, limit);
  config.max_clients = room;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

// Opening may take long with many keys: systemd is told how far it is with each line, and to be patient.
Result<std::unique_ptr<Store>> open_store(const Config& config, const std::shared_ptr<spdlog::logger>& logger,
                                          const std::atomic<bool>& opening) {
  Options options = store_options(config);
  options.log = [logger, &opening](LogLevel level, std::string_view message) {
    logger->log(log_level_of(level), message);
    if (opening)
      notify_supervisor(fmt::format("STATUS=Opening the store: {}\nEXTEND_TIMEOUT_USEC=60000000", message));
  };
  notify_supervisor("STATUS=Opening the store\nEXTEND_TIMEOUT_USEC=60000000");
  return Store::open(config.data_dir, options);
}

void log_start(const Config& config, const std::vector<std::string>& addresses, const std::string& version,
               spdlog::logger& logger) {
  logger.info("minikvd {} serves {}: data in {}, fsync {}, io threads {}, pid {}", version,
              fmt::join(addresses, " and "), config.data_dir, find_setting("fsync")->get(config),
              config.io_threads, getpid());
  if (config.password_file.empty() && !std::all_of(config.bind.begin(), config.bind.end(), is_loopback)) {
    logger.warn(
        "whoever reaches this port may read and change everything: set password_file, or keep it behind a "
        "firewall");
  }
  if (config.accept_data_loss || config.accept_clock_jump) {
    logger.warn(
        "accept_data_loss and accept_clock_jump are meant for one start: take them out of the configuration");
  }
}

// From the open store to the closed one.
int serve_until_signal(Server& server, Store& store, PortFile& port_file, SignalWatch& signals,
                       spdlog::logger& logger) {
  int exit_code = kExitOk;
  if (const Status status = port_file.write(server.port()); status) {
    notify_supervisor("READY=1\nSTATUS=Serving");
    signals.wait();
  } else {
    exit_code = refuse(status);
  }
  notify_supervisor("STOPPING=1\nSTATUS=Stopping");
  server.stop();
  if (const Status status = store.close(); !status) {
    logger.error("the store did not close cleanly: {}", status.message());
    return kExitRefused;
  }
  if (exit_code == kExitOk) logger.info("stopped: everything is on disk");
  return exit_code;
}

int serve(Config config, const std::string& version) {
  prepare_process();
  const std::shared_ptr<spdlog::logger> logger = make_logger(config.log_level);
  PortFile port_file(config.port_file);
  if (const Status status = port_file.check(); !status) return refuse(status);
  const Result<std::string> password = read_password(config);
  if (!password) return refuse(password.status());
  Result<Listener> listener = Listener::bind(server_options(config, version));
  if (!listener) {
    print_refusal(fmt::format("{}: choose another --port or --bind, or end the program that has it",
                              listener.status().message()));
    return kExitRefused;
  }
  const std::vector<std::string> addresses = listener->addresses();

  SignalWatch signals(logger);
  std::atomic<bool> opening = true;
  Result<std::unique_ptr<Store>> opened = open_store(config, logger, opening);
  if (!opened) return refuse_store(config, opened.status());
  Store& store = **opened;
  opening = false;
  signals.store_is_open();

  fit_max_clients(config, store.stats(), *logger);
  ServerOptions options = server_options(config, version);
  options.password = *password;
  Server server(std::move(options), std::move(*listener), store, logger);
  if (const Status status = server.start(); !status) return refuse(status);
  log_start(config, addresses, version, *logger);
  return serve_until_signal(server, store, port_file, signals, *logger);
}

int print(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? kExitOk : kExitRefused;
}

}  // namespace

int run_minikvd(std::span<const char* const> arguments, std::span<const std::string> environment,
                const std::string& version) {
  if (!arguments.empty() && is_tool(arguments.front())) {
    prepare_process();
    return run_tool(arguments);
  }
  const Result<CommandLine> command_line = parse_command_line(arguments);
  if (!command_line) {
    print_refusal(command_line.status().message());
    return kExitUsage;
  }
  if (command_line->action == Action::kHelp) return print(render_help());
  if (command_line->action == Action::kVersion) return print(fmt::format("minikvd {}\n", version));

  const Result<Settled> settled = settle(*command_line, environment);
  if (!settled) {
    print_refusal(settled.status().message());
    return command_line->action == Action::kCheckConfig ? kExitRefused : kExitUsage;
  }
  switch (command_line->action) {
    case Action::kPrintConfig: return print(render_config(settled->config));
    case Action::kPrintOrigins: return print(render_origins(*settled));
    case Action::kCheckConfig: return print("The configuration is fine.\n");
    default: return serve(settled->config, version);
  }
}

}  // namespace minikv::server
