// minikvd, the server program.
#include <unistd.h>

#include <exception>
#include <span>
#include <string>
#include <vector>

#include "server/daemon.h"
#include "server/daemon_log.h"

int main(int argc, char** argv) {
  try {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
    const std::span<const char* const> arguments(argv, static_cast<std::size_t>(argc));
    return minikv::server::run_minikvd(arguments.subspan(argc > 0 ? 1 : 0), environment, MINIKV_VERSION);
  } catch (const std::exception& error) {
    minikv::server::print_refusal(error.what());
    return minikv::server::kExitRefused;
  }
}
