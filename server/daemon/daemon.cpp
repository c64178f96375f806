// From a configuration to a server, and from a signal to its end.
#include "server/daemon/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "minikv/store.h"
#include "server/config/load.h"
#include "server/config/password.h"
#include "server/config/render.h"
#include "server/daemon/data_dir.h"
#include "server/daemon/process.h"
#include "server/daemon/signals.h"
#include "server/log/log.h"
#include "server/memory/client_memory.h"
#include "server/memory/heap.h"
#include "server/memory/machine_memory.h"
#include "server/net/server.h"
#include "server/tools/tools.h"

namespace minikv::server {
namespace {

// Descriptors beside those of clients and data files: some for each event loop, and a few for files that are
// open for a moment, such as the files in /proc that INFO reads.
constexpr std::uint64_t kFilesPerLoop = 3;
constexpr std::uint64_t kOtherFiles = 10;
constexpr std::uint64_t kMaxDataFiles = 2048;
constexpr std::uint64_t kMaxTurnedAway = 64;

int refuse(const Status& status) {
  print_refusal(status.message());
  return kExitRefused;
}

// Whether the path or its owner is what is wrong. The system's own words ("Not a directory") say which; the
// advice is the same for all of these errors. The status of any other error has its own advice.
bool is_wrong_directory(const Status& status) {
  constexpr int kErrors[] = {EACCES, EPERM, ENOTDIR, ENOENT, EEXIST, ELOOP, ENAMETOOLONG, EISDIR, EINVAL};
  return status.code() == StatusCode::kIoError &&
         std::find(std::begin(kErrors), std::end(kErrors), status.error()) != std::end(kErrors);
}

int refuse_store(const Config& config, const Status& status) {
  if (!is_wrong_directory(status)) return refuse(status);
  print_refusal(fmt::format("{}: data_dir {} has to be a directory that this user may read and write",
                            status.message(), config.data_dir));
  return kExitRefused;
}

std::uint64_t client_memory(const Config& config) {
  return config.max_client_memory != 0 ? config.max_client_memory
                                       : default_client_memory(config.max_value_bytes);
}

ServerOptions server_options(const Config& config, const std::string& version) {
  ServerOptions options;
  options.bind = config.bind;
  options.port = static_cast<std::uint16_t>(config.port);
  options.io_threads = static_cast<unsigned>(config.io_threads);
  options.max_clients = config.max_clients;
  options.idle_timeout = std::chrono::seconds(config.idle_timeout);
  options.tcp_keepalive = std::chrono::seconds(config.tcp_keepalive);
  options.max_reply_bytes = config.max_reply_bytes;
  options.max_client_memory = client_memory(config);
  options.max_output_bytes = config.max_client_reply_bytes;
  options.max_total_output_bytes = config.max_waiting_reply_bytes;
  options.request_timeout = std::chrono::seconds(config.request_timeout);
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
  options.max_index_bytes =
      config.max_index_memory != 0 ? config.max_index_memory : default_index_memory(client_memory(config));
  options.accept_data_loss = config.accept_data_loss;
  options.accept_clock_jump = config.accept_clock_jump;
  return options;
}

// How the process's descriptors are divided: data files have a part of their own, so that no crowd of clients
// can take it.
struct Descriptors {
  std::uint64_t data_files = 0;
  std::uint64_t turned_away = 0;
  std::uint64_t clients = 0;
};

// kRefused if there are too few to work at all.
Result<Descriptors> divide_descriptors(const Config& config) {
  const std::uint64_t limit = open_files_limit();
  const std::uint64_t in_use = open_files_now();
  const std::uint64_t least_data = least_open_files(store_options(config));
  const std::uint64_t server = kOtherFiles + kFilesPerLoop * config.io_threads;
  const std::uint64_t least = in_use + server + least_data + 2;
  if (limit < least) {
    return {
        StatusCode::kRefused,
        fmt::format("the limit of open files is {}, and at least {} are needed with these settings: raise it "
                    "(ulimit -n, LimitNOFILE)",
                    limit, least)};
  }
  const std::uint64_t free = limit - in_use - server;
  Descriptors descriptors;
  descriptors.data_files = std::clamp(std::min(free / 3, kMaxDataFiles), least_data, free - 2);
  const std::uint64_t left = free - descriptors.data_files;
  descriptors.turned_away = std::clamp<std::uint64_t>(left / 4, 1, kMaxTurnedAway);
  descriptors.clients = left - descriptors.turned_away;
  return descriptors;
}

// Lowers max_clients to what the limit of open files leaves room for.
void fit_max_clients(Config& config, const Descriptors& descriptors, spdlog::logger& logger) {
  if (config.max_clients <= descriptors.clients) return;
  logger.warn(
      "max_clients lowered from {} to {}: the limit of open files is {} (raise it with ulimit -n or "
      "LimitNOFILE)",
      config.max_clients, descriptors.clients, open_files_limit());
  config.max_clients = descriptors.clients;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

// Opening may take long with many keys, so each line of progress also goes to systemd, with a request to be
// patient.
Result<std::unique_ptr<Store>> open_store(const Config& config, const Descriptors& descriptors,
                                          const std::shared_ptr<spdlog::logger>& logger,
                                          const std::atomic<bool>& opening) {
  Options options = store_options(config);
  options.max_open_files = static_cast<std::uint32_t>(descriptors.data_files);
  options.log = [logger, &opening](LogLevel level, std::string_view message) {
    logger->log(log_level_of(level), message);
    if (opening)
      notify_supervisor(fmt::format("STATUS=Opening the store: {}\nEXTEND_TIMEOUT_USEC=60000000", message));
  };
  notify_supervisor("STATUS=Opening the store\nEXTEND_TIMEOUT_USEC=60000000");
  return Store::open(config.data_dir, options);
}

void log_start(const Config& config, const std::vector<std::string>& addresses, const std::string& version,
               bool is_guarded, spdlog::logger& logger) {
  logger.info("minikvd {} serves {}: data in {}, fsync {}, io threads {}, pid {}", version,
              fmt::join(addresses, " and "), config.data_dir, find_setting("fsync")->get(config),
              config.io_threads, getpid());
  if (!is_guarded && !std::all_of(config.bind.begin(), config.bind.end(), is_loopback)) {
    logger.warn(
        "whoever reaches this port may read and change everything: set password_file or MINIKV_PASSWORD, or "
        "keep it behind a firewall");
  }
  if (config.accept_data_loss || config.accept_clock_jump) {
    logger.warn(
        "accept_data_loss and accept_clock_jump are meant for one start: take them out of the configuration");
  }
}

// Serves from the open store to the closed one.
int serve_until_signal(Server& server, Store& store, SignalWatch& signals, spdlog::logger& logger) {
  notify_supervisor("READY=1\nSTATUS=Serving");
  signals.wait();
  notify_supervisor("STOPPING=1\nSTATUS=Stopping");
  server.stop();
  if (const Status status = store.close(); !status) {
    logger.error("the store did not close cleanly: {}", status.message());
    return kExitRefused;
  }
  logger.info("stopped: everything is on disk");
  return kExitOk;
}

int serve(const Settled& settled, const std::string& version) {
  Config config = settled.config;
  prepare_process();
  log_crashes();
  const std::shared_ptr<spdlog::logger> logger = make_logger(config.log_level);
  PortFile port_file(config.port_file);
  if (const Status status = port_file.check(); !status) return refuse(status);
  const Result<std::string> password = find_password(settled);
  if (!password) return refuse(password.status());
  Result<Listener> listener = Listener::bind(server_options(config, version));
  if (!listener) return refuse(listener.status());
  const std::vector<std::string> addresses = listener->addresses();

  SignalWatch signals(logger);
  std::atomic<bool> opening = true;
  const Result<Descriptors> descriptors = divide_descriptors(config);
  if (!descriptors) return refuse(descriptors.status());
  Result<std::unique_ptr<Store>> opened = open_store(config, *descriptors, logger, opening);
  if (!opened) return refuse_store(config, opened.status());
  Store& store = **opened;
  opening = false;
  signals.store_is_open();

  // Before any client is served, but after the store is open: the port file may lie in its directory, and
  // must not be there when that is looked at.
  if (const Status status = port_file.prepare(listener->port()); !status) return refuse(status);
  fit_max_clients(config, *descriptors, *logger);
  ServerOptions options = server_options(config, version);
  options.max_turned_away = descriptors->turned_away;
  options.password = *password;
  Server server(std::move(options), std::move(*listener), store, logger);
  if (const Status status = server.start(); !status) return refuse(status);
  if (const Status status = port_file.publish(); !status) return refuse(status);
  log_start(config, addresses, version, !password->empty(), *logger);
  return serve_until_signal(server, store, signals, *logger);
}

int print(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? kExitOk : kExitRefused;
}

// What a start would find out before it binds the port and opens the store.
int check(const Settled& settled, const std::string& version) {
  const Config& config = settled.config;
  Status status = PortFile(config.port_file).check();
  if (status) status = find_password(settled).status();
  if (status) status = check_data_dir(config.data_dir);
  if (status) status = divide_descriptors(config).status();
  if (status) status = Listener::check(server_options(config, version));
  return status ? print("The configuration is fine.\n") : refuse(status);
}

}  // namespace

int run_minikvd(std::span<const char* const> arguments, std::span<const std::string> environment,
                const std::string& version) {
  tune_heap();
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
    case Action::kCheckConfig: return check(*settled, version);
    default: return serve(*settled, version);
  }
}

}  // namespace minikv::server
