// Runs strace -e inject on the process, and waits until it is attached.
#include "tests/e2e/fault_injector.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::test {
namespace {

namespace fs = std::filesystem;

// Whether it is attached can't be waited for: it is looked at this often.
constexpr std::chrono::milliseconds kLookAgain(2);

bool is_traced(const fs::path& task) {
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("TracerPid:")) return line.find_first_of("123456789") != std::string::npos;
  }
  return true;  // the thread has ended
}

std::string temporary_file() {
  std::string path = testing::TempDir() + "minikv-strace-XXXXXX";
  const int fd = mkstemp(path.data());
  if (fd < 0) throw std::runtime_error("mkstemp");
  ::close(fd);
  return path;
}

}  // namespace

std::string FaultInjector::why_not() {
  return std::system("strace -V >/dev/null 2>&1") == 0 ? "" : "there is no strace";
}

FaultInjector::FaultInjector(pid_t process, const std::string& what)
    : process_(process), output_(temporary_file()) {
  std::vector<std::string> words = {"strace", "-f", "-q", "-o", output_, "-p", std::to_string(process)};
  std::string calls;
  std::istringstream faults(what);
  for (std::string fault; std::getline(faults, fault, ';');) {
    calls += (calls.empty() ? "" : ",") + fault.substr(0, fault.find(':'));
    words.insert(words.end(), {"-e", "inject=" + fault});
  }
  words.insert(words.end(), {"-e", "trace=" + calls});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  strace_ = ::fork();
  if (strace_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  if (strace_ < 0) throw std::runtime_error("fork");
  while (!is_attached()) {
    if (::waitpid(strace_, nullptr, WNOHANG) == strace_) {
      strace_ = -1;
      throw std::runtime_error("strace could not attach to the server");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

bool FaultInjector::is_attached() const {
  std::error_code ended;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(process_) + "/task", ended)) {
    if (!is_traced(task.path())) return false;
  }
  return true;
}

void FaultInjector::stop() {
  if (strace_ < 0) return;
  ::kill(strace_, SIGTERM);  // it lets go of the process before it ends
  while (::waitpid(strace_, nullptr, 0) < 0 && errno == EINTR) {
  }
  strace_ = -1;
  std::ifstream log(output_);
  for (std::string line; std::getline(log, line);) {
    if (line.find("(INJECTED)") != std::string::npos) ++injected_;
  }
  std::error_code ignored;
  fs::remove(output_, ignored);
}

}  // namespace minikv::test
