// Chooses the tool, and turns its failure into an exit code.
#include "server/tools/tools.h"

#include <csignal>

#include "server/log/log.h"
#include "server/tools/tool_output.h"

namespace minikv::server {

int tool_failed(const Status& status) {
  print_refusal(status.message());
  return kToolFailed;
}

int run_tool(std::span<const char* const> arguments) {
  std::signal(SIGPIPE, SIG_DFL);  // "minikvd dump DIR | head" ends when head does
  const Result<ToolRequest> request = parse_tool_command_line(arguments);
  if (!request) return tool_failed(request.status());
  if (!request->help.empty()) {
    Output output;
    output.write(request->help);
    return output.finish() ? kToolClean : kToolFailed;
  }
  switch (request->tool) {
    case Tool::kVerify: return run_verify(*request);
    case Tool::kDump: return run_dump(*request);
    case Tool::kRepair: return run_repair(*request);
  }
  return kToolFailed;
}

}  // namespace minikv::server
