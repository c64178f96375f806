// minikvd, the server program.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "server/config/load.h"
#include "server/daemon/daemon.h"
#include "server/daemon/process.h"
#include "server/log/log.h"

namespace {

// The environment, without the password in it for others (ps e, /proc) to see from now on.
std::vector<std::string> take_environment() {
  std::vector<std::string> environment;
  const std::string password = std::string(minikv::server::kPasswordVariable) + "=";
  for (char** entry = environ; *entry != nullptr; ++entry) {
    environment.emplace_back(*entry);
    if (environment.back().starts_with(password))
      std::memset(*entry + password.size(), '*', environment.back().size() - password.size());
  }
  return environment;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (!minikv::server::hold_standard_descriptors()) {
      std::perror("minikvd: standard input, output and error can't all be opened");
      return minikv::server::kExitRefused;
    }
    const std::vector<std::string> environment = take_environment();
    const std::span<const char* const> arguments(argv, static_cast<std::size_t>(argc));
    return minikv::server::run_minikvd(arguments.subspan(argc > 0 ? 1 : 0), environment, MINIKV_VERSION);
  } catch (const std::exception& error) {
    minikv::server::print_refusal(error.what());
    return minikv::server::kExitRefused;
  }
}
