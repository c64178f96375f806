// The command lines of minikvd verify, dump and repair.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "minikv/status.h"

namespace minikv::server {

enum class Tool : std::uint8_t { kVerify, kDump, kRepair };

struct ToolRequest {
  Tool tool = Tool::kVerify;
  std::string directory;
  std::string new_directory;  // of repair
  bool json = false;
  std::string help;  // not empty: to be printed, and that is all

  // dump
  bool values = false;
  bool frames = false;
  bool hints = false;
  bool manifest = false;
  std::vector<std::string> prefixes;  // of keys; none: all keys

  // repair
  bool drop_damaged = false;
};

// Whether `word`, the first argument, names a tool.
bool is_tool(std::string_view word);

// `arguments` from the tool's name on. kInvalidArgument has one line for the operator.
Result<ToolRequest> parse_tool_command_line(std::span<const char* const> arguments);

}  // namespace minikv::server
