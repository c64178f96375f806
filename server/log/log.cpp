// spdlog with a sink that only queues, and the layout of a line for people and for the journal.
#include "server/log/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>

#include "server/config/text.h"
#include "server/log/log_queue.h"
#include "server/log/repeated_lines.h"

namespace minikv::server {
namespace {

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

std::string format_line(spdlog::formatter& formatter, const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter.format(message, line);
  return {line.data(), line.size()};
}

class QueueSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit QueueSink(std::shared_ptr<LogQueue> queue) : queue_(std::move(queue)) {}
  // Ends the queue's thread before the members are destroyed, because its call (remind()) uses them.
  ~QueueSink() override {
    tell(repeated_.take_all());
    queue_.reset();
  }
  QueueSink(const QueueSink&) = delete;
  QueueSink& operator=(const QueueSink&) = delete;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    // Only warnings and errors are counted: lines that repeat on purpose (progress, each client at level
    // debug) have lower levels.
    if (message.level >= spdlog::level::warn) {
      const auto now = RepeatedLines::Clock::now();
      const bool is_new =
          repeated_.take(message.level, {message.payload.data(), message.payload.size()}, now);
      tell(repeated_.take_due(now));
      if (!is_new) return remind();
    }
    queue_->push(format_line(*formatter_, message));
  }
  void flush_() override { queue_->flush(); }

 private:
  void tell(const std::vector<RepeatedLines::Count>& counts) {
    for (const RepeatedLines::Count& count : counts) {
      queue_->push(format_line(*formatter_,
                               {"minikvd", static_cast<spdlog::level::level_enum>(count.level), count.text}));
    }
  }
  // Writes a count when it is due, even if no further line arrives.
  void remind() {
    const auto due = repeated_.next_due();
    if (!due || is_reminded_) return;
    is_reminded_ = true;
    queue_->call_at(*due, [this] {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_reminded_ = false;
      tell(repeated_.take_due(RepeatedLines::Clock::now()));
      remind();
    });
  }

  std::shared_ptr<LogQueue> queue_;
  RepeatedLines repeated_;
  bool is_reminded_ = false;
};

std::string lost_lines_note(bool for_journal, std::uint64_t lines) {
  const std::string text =
      fmt::format("{} lost here: stderr was not read in time, or could not be written",
                  lines == 1 ? "1 line of the log was" : fmt::format("{} lines of the log were", lines));
  LineFormatter formatter(for_journal);
  return format_line(formatter, {"minikvd", spdlog::level::warn, text});
}

// The queue that writes to stderr; it lives as long as the logger.
std::weak_ptr<LogQueue>& queue_of_stderr() {
  static std::weak_ptr<LogQueue> queue;
  return queue;
}

}  // namespace

// systemd names the journal's socket by device and inode, so that a program can tell whether its stderr was
// redirected.
bool stderr_is_journal() {
  const char* journal =
      std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): before there are threads
  struct stat target{};
  if (journal == nullptr || fstat(STDERR_FILENO, &target) != 0) return false;
  return fmt::format("{}:{}", target.st_dev, target.st_ino) == journal;
}

std::shared_ptr<spdlog::logger> make_logger(LogLevel level) {
  const bool for_journal = stderr_is_journal();
  auto queue = std::make_shared<LogQueue>(
      STDERR_FILENO, [for_journal](std::uint64_t lines) { return lost_lines_note(for_journal, lines); });
  queue_of_stderr() = queue;
  auto logger = std::make_shared<spdlog::logger>("minikvd", std::make_shared<QueueSink>(std::move(queue)));
  logger->set_formatter(std::make_unique<LineFormatter>(for_journal));
  logger->set_level(log_level_of(level));
  logger->set_error_handler([](const std::string&) {});  // spdlog's own handler waits for stderr
  return logger;
}

std::uint64_t log_lines_lost() {
  const std::shared_ptr<LogQueue> queue = queue_of_stderr().lock();
  return queue ? queue->lost() : 0;
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
  if (const std::shared_ptr<LogQueue> queue = queue_of_stderr().lock()) {
    queue->push(line);
    queue->flush();
  } else {
    std::fputs(line.c_str(), stderr);
  }
}

}  // namespace minikv::server
