#include "server/daemon_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "server/config/text.h"

namespace minikv::server {
namespace {

// systemd names the journal's socket by device and inode, so that a program whose stderr was sent elsewhere
// knows.
bool stderr_is_journal() {
  const char* journal =
      std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): before there are threads
  struct stat target {};
  if (journal == nullptr || fstat(STDERR_FILENO, &target) != 0) return false;
  return fmt::format("{}:{}", target.st_dev, target.st_ino) == journal;
}

std::string_view name_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return "debug";
    case spdlog::level::info: return "info ";
    case spdlog::level::warn: return "warn ";
    default: return "error";
  }
}

// As in syslog.h.
int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return 7;
    case spdlog::level::info: return 6;
    case spdlog::level::warn: return 4;
    default: return 3;
  }
}

class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(bool for_journal) : for_journal_(for_journal) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const std::string text = one_line({message.payload.data(), message.payload.size()});
    if (for_journal_) {
      fmt::format_to(fmt::appender(line), "<{}>{}\n", priority_of(message.level), text);
      return;
    }
    using std::chrono::duration_cast, std::chrono::milliseconds;
    const auto since_epoch = duration_cast<milliseconds>(message.time.time_since_epoch()).count();
    fmt::format_to(fmt::appender(line), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z {} {}\n",
                   fmt::gmtime(since_epoch / 1000), since_epoch % 1000, name_of(message.level), text);
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(for_journal_);
  }

 private:
  bool for_journal_;
};

}  // namespace

std::shared_ptr<spdlog::logger> make_logger(LogLevel level) {
  auto logger =
      std::make_shared<spdlog::logger>("minikvd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<LineFormatter>(stderr_is_journal()));
  logger->set_level(log_level_of(level));
  return logger;
}

spdlog::level::level_enum log_level_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

void print_refusal(std::string_view message) {
  const std::string line =
      fmt::format("{}minikvd: {}\n", stderr_is_journal() ? "<3>" : "", one_line(message));
  std::fputs(line.c_str(), stderr);
}

}  // namespace minikv::server
