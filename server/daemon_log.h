// minikvd's log: one line an event, to stderr.
#pragma once

#include <memory>
#include <string_view>

#include <spdlog/logger.h>

#include "minikv/options.h"

namespace minikv::server {

// A line is "2026-11-22T08:25:54.123Z info  serving 127.0.0.1:7379". Where stderr is systemd's journal, which
// keeps the time itself, it is "<6>serving 127.0.0.1:7379", with syslog's priority in front. Control bytes in
// the text are escaped, so that nothing a client sent can look like a line of its own. The levels: error,
// somebody has to act; warn, somebody should look; info, what an operator wants to read afterwards (start,
// stop, compaction); debug, for whoever looks for a fault.
//
// Thread safety: the logger may be used by all threads.
std::shared_ptr<spdlog::logger> make_logger(LogLevel level);

spdlog::level::level_enum log_level_of(LogLevel level);

// Writes the one line that explains why there will be no server.
void print_refusal(std::string_view message);

}  // namespace minikv::server
