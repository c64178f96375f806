// minikvd, the server program.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "server/config/load.h"
#include "server/daemon/daemon.h"
#include "server/daemon/process.h"
#include "server/log/log.h"

namespace {

// Copies the environment, and overwrites the password in the original, which others can see (ps e, /proc).
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
  } catch (const std::bad_alloc&) {
    minikv::server::print_refusal(
        "there is no memory to start: raise the limit that the process runs under (ulimit -v, its memory "
        "cgroup), or give the machine more");
    return minikv::server::kExitRefused;
  } catch (const std::system_error& error) {
    // EAGAIN is about a thread that can't be had. Only its number is compared, as Asio's errors have a
    // category of their own.
    const bool is_thread = error.code().value() == EAGAIN;
    minikv::server::print_refusal(
        is_thread ? std::string("the system gives no more threads (") + error.what() +
                        "): raise the limit that the process runs under (ulimit -v, ulimit -u, TasksMax), or "
                        "take fewer io_threads, reader_threads or compaction_threads"
                  : std::string(error.what()));
    return minikv::server::kExitRefused;
  } catch (const std::exception& error) {
    minikv::server::print_refusal(error.what());
    return minikv::server::kExitRefused;
  }
}
