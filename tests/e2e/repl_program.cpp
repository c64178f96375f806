// Starts the program with files or a pseudo terminal for its streams, and gathers what it prints.
#include "tests/e2e/repl_program.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

extern char** environ;

namespace minikv::test {
namespace {

constexpr int kPatienceMs = 30'000;
constexpr const char* kProgram = MINIKV_BIN_DIR "/minikv";

// What execve() needs, with all memory taken before the fork.
class Invocation {
 public:
  Invocation(const std::string& program, std::vector<std::string> arguments,
             std::vector<std::string> environment)
      : words_(std::move(arguments)), environment_(std::move(environment)) {
    words_.insert(words_.begin(), program);
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (!is_overridden(*variable)) environment_.emplace_back(*variable);
    }
    for (std::string& word : words_) argv_.push_back(word.data());
    for (std::string& variable : environment_) envp_.push_back(variable.data());
    argv_.push_back(nullptr);
    envp_.push_back(nullptr);
  }

  [[noreturn]] void exec() {
    execve(argv_[0], argv_.data(), envp_.data());
    _exit(127);
  }

 private:
  bool is_overridden(std::string_view variable) const {
    const std::string_view name = variable.substr(0, variable.find('=') + 1);
    return name.starts_with("MINIKV_") ||
           std::ranges::any_of(environment_, [&](std::string_view own) { return own.starts_with(name); });
  }

  std::vector<std::string> words_;
  std::vector<std::string> environment_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
};

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// A file without a name: nothing to clean up.
int unnamed_file(std::string_view content = {}) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) {
    std::perror("tmpfile");
    std::abort();
  }
  std::fwrite(content.data(), 1, content.size(), file);
  std::fflush(file);
  const int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
  std::fclose(file);
  lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string read_and_close(int fd) {
  std::string content(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  const ssize_t got = pread(fd, content.data(), content.size(), 0);
  close(fd);
  content.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return content;
}

RunResult run(Invocation invocation, std::string_view input) {
  const int in = unnamed_file(input);
  const int out = unnamed_file();
  const int err = unnamed_file();
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    invocation.exec();
  }
  RunResult result{.exit_code = wait_for(pid)};
  close(in);
  result.out = read_and_close(out);
  result.err = read_and_close(err);
  return result;
}

}  // namespace

RunResult run_minikv(std::vector<std::string> arguments, std::string_view input,
                     std::vector<std::string> environment) {
  return run({kProgram, std::move(arguments), std::move(environment)}, input);
}

RunResult run_script(const std::string& script, std::vector<std::string> environment) {
  environment.push_back(std::string("minikv=") + kProgram);
  environment.push_back(std::string("minikvd=") + kProgram + "d");
  return run({"/bin/sh", {"-c", script}, std::move(environment)}, {});
}

std::string why_no_terminal() {
  int controller = -1, terminal = -1;
  if (openpty(&controller, &terminal, nullptr, nullptr, nullptr) != 0) {
    return std::string("no pseudo-terminal can be opened (is /dev/pts mounted?): ") + std::strerror(errno);
  }
  close(terminal);
  close(controller);
  return {};
}

Terminal::Terminal(std::vector<std::string> arguments, std::vector<std::string> environment) {
  Invocation invocation(kProgram, std::move(arguments), std::move(environment));
  winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  pid_ = forkpty(&fd_, nullptr, nullptr, &size);
  if (pid_ == 0) invocation.exec();
  if (pid_ < 0) {
    std::perror("forkpty");
    std::abort();
  }
}

Terminal::~Terminal() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    wait_for(pid_);
  }
  close(fd_);
}

void Terminal::type(std::string_view keys) {
  while (!keys.empty()) {
    const ssize_t written = write(fd_, keys.data(), keys.size());
    if (written < 0) return std::perror("typing");
    keys.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool Terminal::gathers_and_echoes() const {
  termios settings{};
  return tcgetattr(fd_, &settings) == 0 && (settings.c_lflag & ICANON) != 0 && (settings.c_lflag & ECHO) != 0;
}

std::string Terminal::shown_until(std::string_view text) {
  while (!shown_.ends_with(text) && read_some()) {
  }
  return std::exchange(shown_, {});
}

std::string Terminal::shown_until_end() {
  while (read_some()) {
  }
  if (pid_ > 0) exit_code_ = wait_for(std::exchange(pid_, -1));
  return std::exchange(shown_, {});
}

// False at the end, which is an error (EIO) at a terminal whose other side is closed, or when nothing comes.
bool Terminal::read_some() {
  pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, kPatienceMs) <= 0) return false;
  char bytes[4096];
  const ssize_t got = read(fd_, bytes, sizeof bytes);
  if (got <= 0) return false;
  shown_.append(bytes, static_cast<std::size_t>(got));
  std::erase(shown_, '\r');
  return true;
}

}  // namespace minikv::test
