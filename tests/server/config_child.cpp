// Forks, changes user and descriptors as asked, and gathers both outputs from files.
#include "tests/server/config_child.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// In the child: system calls only, for the test may have threads.
[[noreturn]] void become(int program, uid_t user, int out, int err, char* const* argv, char* const* envp) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (user != 0 && (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0)) _exit(126);
  // The file is open already, so that the user need not be able to get at it.
  syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
  _exit(127);
}

int wait_for(pid_t child) {
  constexpr int kPatienceMs = 60'000;
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, kPatienceMs) <= 0) kill(child, SIGKILL);
  close(handle);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

Ended run_minikvd_to_end(const Start& start) {
  const Folder folder;
  std::vector<std::string> words = {"minikvd"};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  std::vector<std::string> variables = start.environment;
  const auto argv = pointers(words);
  const auto envp = pointers(variables);
  const int program = open(program_path("minikvd").c_str(), O_RDONLY | O_CLOEXEC);
  const int out = open((folder / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int err = open((folder / "err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t child = fork();
  if (child == 0) become(program, start.user, out, err, argv.data(), envp.data());
  close(program);
  close(out);
  close(err);
  const int exit_code = wait_for(child);
  return {.exit_code = exit_code, .out = read_file(folder / "out"), .err = read_file(folder / "err")};
}

Folder::Folder() : path_(testing::TempDir() + "minikv-config-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) std::abort();
  chmod(path_.c_str(), 0755);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::map<std::string, std::string> snapshot(const std::string& path) {
  std::map<std::string, std::string> files;
  const auto add = [&](const std::filesystem::path& file) {
    struct stat facts{};
    lstat(file.c_str(), &facts);
    const std::string content = S_ISREG(facts.st_mode) ? read_file(file) : "";
    files[file] =
        fmt::format("{:o} {}.{} {}", facts.st_mode, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, content);
  };
  if (!std::filesystem::exists(path)) return files;
  add(path);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) add(entry.path());
  return files;
}

}  // namespace minikv::test
