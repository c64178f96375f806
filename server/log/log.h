// minikvd's log: one line an event, to stderr.
#pragma once

#include <memory>
#include <string_view>

#include <spdlog/logger.h>

#include "minikv/options.h"

namespace minikv::server {

// A line is "2026-11-22T08:25:54.123Z info  serving 127.0.0.1:7379". Where stderr is systemd's journal, which
// keeps the time itself, it is "<6>serving 127.0.0.1:7379", with syslog's priority in front. Control bytes in
// the text are escaped, so that nothing a client sent can look like a line of its own. The levels: error, the
// operator has to act; warn, the operator should look; info, events that an operator reads afterwards (start,
// stop, compaction); debug, details for finding a fault.
//
// Logging never waits for stderr (LogQueue). flush() waits for a bounded time; the caller needs it before an
// end of the process that does not destroy the logger.
//
// Thread safety: the logger may be used by all threads.
std::shared_ptr<spdlog::logger> make_logger(LogLevel level);

// Whether stderr is systemd's journal.
bool stderr_is_journal();

// How many lines of make_logger()'s have been lost, because stderr was not read in time or could not be
// written.
std::uint64_t log_lines_lost();

spdlog::level::level_enum log_level_of(LogLevel level);

// Writes the one line that explains why the server does not start, behind all lines of the log.
void print_refusal(std::string_view message);

// Installs signal handlers: a crash logs one line with the name of the signal, behind all lines of the log,
// and then ends the process as it would have without. Signals that have a handler already (a sanitizer's)
// keep it.
void log_crashes();

}  // namespace minikv::server
