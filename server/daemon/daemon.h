// The minikvd program, except main().
#pragma once

#include <span>
#include <string>

namespace minikv::server {

// The exit codes of the process. docs/OPERATIONS.md promises these numbers.
enum ExitCode : int {
  kExitOk = 0,       // did what was asked; a server: served and stopped cleanly
  kExitRefused = 1,  // could not serve, or could not stop cleanly; --check-config: the configuration is wrong
  kExitUsage = 2,    // wrong flags or configuration
};

// Runs minikvd. `arguments` are without the program's name, `environment` is a list of NAME=value. Says on
// stderr, in one line, why it refuses to do what was asked. Thread safety: once in a process, before there
// are threads.
int run_minikvd(std::span<const char* const> arguments, std::span<const std::string> environment,
                const std::string& version);

}  // namespace minikv::server
