// minikvd verify, dump and repair: the offline tools' front end. The engine does the work (engine/tools).
#pragma once

#include <span>

#include "server/tools/tool_command_line.h"

namespace minikv::server {

inline constexpr int kToolClean = 0;
inline constexpr int kToolDamage = 1;
inline constexpr int kToolFailed = 2;  // could not be done, or was not asked for in a way that makes sense

// `arguments` from the tool's name on. Returns the exit code.
int run_tool(std::span<const char* const> arguments);

// The tools themselves, each in a file of its own.
int run_verify(const ToolRequest& request);
int run_dump(const ToolRequest& request);
int run_repair(const ToolRequest& request);

// Prints one line on standard error; returns kToolFailed.
int tool_failed(const Status& status);

}  // namespace minikv::server
